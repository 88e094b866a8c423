import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The runtimes that the tests of this folder run the orchestrator on. The project in vitest.config.ts names the one. */

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** As npm has installed it. `node_modules/.bin` has a link to it. */
const DENO = join(ROOT, 'node_modules/deno/deno')

/** The command that starts a runtime: the program, and the arguments before its own. */
interface Runtime {
  readonly main: string
  command(args: readonly string[]): readonly [string, ...string[]]
}

const RUNTIMES: Readonly<Record<string, Runtime>> = {
  node: { main: 'adapters/node/main.ts', command: () => [process.execPath, '--import', 'tsx'] },
  deno: { main: 'adapters/deno/main.ts', command: denoCommand },
}

const NAME = process.env['RUNTIME'] ?? 'node'

/** The runtime of this run. A name that is not known throws: tests of nothing would pass. */
export const RUNTIME: Runtime = RUNTIMES[NAME] ?? unknown()

function unknown(): never {
  throw new Error(`RUNTIME must be ${Object.keys(RUNTIMES).join(' or ')}, not ${NAME}`)
}

/**
 * As `deno task start` does it, with leave for the paths and the address that the arguments name instead of those that
 * are there by default.
 */
export function denoCommand(args: readonly string[]): readonly [string, ...string[]] {
  const { tasks } = JSON.parse(readFileSync(join(ROOT, 'deno.json'), 'utf8')) as { tasks: { start: string } }
  const value = (flag: string): string[] => args.flatMap((arg, at) => arg === flag ? [args[at + 1] ?? ''] : [])
  const [data = 'data'] = value('--data')
  // Up to `run` and behind the flags stand the program and the main, which are named here by their own paths.
  const words = tasks.start.replace(/\$\(.*\)/, DENO).split(' ')
  const flags = words.slice(words.indexOf('run'), -1).map((flag) =>
    flag.replace(/^(--allow-write=)data$/, `$1${data}`)
      .replace(/^(--allow-read=)data\b/, `$1${[data, ...value('--settings'), ...value('--watch-root')].join()}`)
      .replace(/^(--allow-net=.*)$/, `$1${value('--host').map((host) => `,${host}`).join()}`)
  )
  return [DENO, ...flags]
}
