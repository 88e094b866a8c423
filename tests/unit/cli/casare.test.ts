import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanUp, Orchestrator } from '../../process/orchestrator.ts'
import { freePort, newFolder, Program } from '../../process/program.ts'
import { Wire } from '../../wire/wire.ts'

/** A command line with its output on both streams and its exit status. */

interface Ended {
  readonly status: number | string | null
  readonly out: string
  readonly err: string
}

async function casare(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const program = new Program('cli/bin.ts', args, env)
  const status = await program.exited
  await program.closed
  return { status, out: program.out, err: program.err }
}

afterAll(cleanUp)

describe('against a real orchestrator', () => {
  let server: Orchestrator
  const run = (...args: readonly string[]): Promise<Ended> =>
    casare(args, { CASARE_URL: server.http, CASARE_KEY: server.admin })
  const submitted = (job: object): Promise<string> => server.submit({ workflow_id: 'orders-total', ...job })

  beforeAll(async () => {
    server = await Orchestrator.start()
  })

  test('the reference robot is started by it, and ended by Ctrl-C', async () => {
    const files = newFolder()
    writeFileSync(join(files, 'orders.csv'), 'id,day,region,status,amount\n1,2026-01-01,north,paid,12.50\n')
    const flags = [
      '--url',
      server.robots,
      '--key',
      server.robotKey,
      '--id',
      'r1',
      '--files',
      files,
      '--tags',
      'sap,excel',
    ]
    const robot = new Program('cli/bin.ts', ['robot', ...flags], {
      CASARE_ROBOT_SLOTS: '3',
      CASARE_ROBOT_STATE: 'none',
    })
    await robot.printed(/registered, waiting for jobs/)
    const { out } = await run('robots', 'list')
    expect(out).toMatch(
      /^id +name +status +jobs +environment +tags +last seen\nr1 +r1 +online +0 of 3 +default +sap, excel +/,
    )

    const { status, out: ended } = await run('jobs', 'submit', 'greeting', '--tag', 'excel', '-p', 'name=Ada', '--wait')
    expect([status, ended]).toEqual([0, expect.stringMatching(/^status +completed$/m)])
    expect(ended).toMatch(/^parameters +\{"name":"Ada"\}$/m)
    expect(ended).toMatch(/^progress +100%, \S/m)
    const [, id = ''] = /^id +(\S+)$/m.exec(ended) ?? []
    expect((await run('jobs', 'logs', id)).out).toMatch(/^\S+Z {2}INFO {5}\S/)

    robot.signal('SIGINT')
    expect(await robot.exited).toBe(0)
  })

  test('numbers are sent and printed as they were written', async () => {
    const flags = ['-p', 'id=9007199254740993', '-p', 'rate=1.10', '--definition']
    const definition = join(newFolder(), 'own.json')
    writeFileSync(definition, '{"format":"custom"}')
    const { out } = await run('jobs', 'submit', ...flags, definition, '--tag', 'nobody', '--quiet')
    const [table, json] = await Promise.all([run('jobs', 'get', out.trim()), run('jobs', 'get', out.trim(), '--json')])
    expect(table.out).toMatch(/^parameters +\{"id":9007199254740993,"rate":1\.10\}$/m)
    expect(json.out).toContain('"id": 9007199254740993,\n    "rate": 1.10\n')
    await run('jobs', 'cancel', out.trim())
  })

  test('a job that does not complete ends a wait for it with 1', async () => {
    const definition = join(newFolder(), 'own.json')
    writeFileSync(definition, '{"nodes": {}, "connections": []}')
    const { status, out: id } = await run('jobs', 'submit', '--definition', definition, '--tag', 'nobody', '--quiet')
    expect([status, id]).toEqual([0, expect.stringMatching(/^[0-9a-f-]{36}\n$/)])
    const waiting = run('jobs', 'wait', id.trim(), '--json')
    await server.api('POST', `/jobs/${id.trim()}/cancel`, {})
    const waited = await waiting
    expect([waited.status, JSON.parse(waited.out)]).toEqual([1, expect.objectContaining({ status: 'cancelled' })])
  })

  test('a workflow is published from a file, and what nobody runs is said', async () => {
    const file = join(newFolder(), 'fax.json')
    writeFileSync(file, '{"workflow": {"nodes": {"a": {"node_type": "FaxNode"}, "b": {"node_type": "TelexNode"}}}}')
    const first = await run('workflows', 'publish', file)
    expect([first.status, first.out]).toEqual([0, expect.stringMatching(/^id +name +version\nfax +fax +1\n$/)])
    expect(first.err).toMatch(/^warning: No known robot runs the node types FaxNode, TelexNode\n$/)
    writeFileSync(file, '{"nodes": {"a": {"node_type": "LogNode"}}}')
    const second = await run('workflows', 'publish', file, '--name', 'Fax', '--json')
    expect([JSON.parse(second.out), second.err]).toMatchObject([
      { name: 'Fax', published_version: 2, warnings: [] },
      '',
    ])
    writeFileSync(file, '{"nodes": []}')
    const wrong = await run('workflows', 'publish', file)
    expect([wrong.status, wrong.err]).toEqual([1, expect.stringContaining('whose keys are the node ids')])
    const stuck = await run('jobs', 'submit', 'fax', '--tag', 'nobody', '--quiet')
    expect(stuck.err).toBe('warning: No known robot has the tag nobody\n')
    await server.api('POST', `/jobs/${stuck.out.trim()}/cancel`, {})
  })

  test('jobs are listed, explained, cancelled, run again and told of', async () => {
    const id = await submitted({ required_tags: ['nobody'], priority: 'low' })
    expect((await run('jobs', 'list', '--status', 'queued')).out).toMatch(
      new RegExp(`^id +status +workflow .*\n${id} +queued +Orders total +0% +\\S+Z$`, 'm'),
    )
    expect((await run('jobs', 'explain', id)).out).toMatch(
      /^No known robot has .*\nIt is number \d in the queue\.\n {2}NO_SUITABLE_ROBOT: No/,
    )
    expect((await run('jobs', 'cancel', id, '--reason', 'no')).out).toMatch(/Cancelled: no$/m)
    const again = await run('jobs', 'retry', id, '--json')
    expect(JSON.parse(again.out)).toMatchObject({ retry_of: id, status: 'queued' })
    expect((await run('jobs', 'history', id)).out.trim().split('\n').length).toBe(3)
    expect(JSON.parse((await run('jobs', 'list', '-n', '1', '--json')).out)).toHaveLength(1)
    expect((await run('jobs', 'list', '--robot', 'nobody')).out).toBe('(none)\n')
    expect(await run('jobs', 'cancel', id)).toMatchObject({
      status: 1,
      out: '',
      err: `casare: Job ${id} has ended already: it is cancelled (CONFLICT)\n`,
    })
    expect((await run('workflows', 'list')).out).toMatch(/^orders-total +Orders total +published +1 +1 /m)
    const { id: schedule } = await server.api<{ readonly id: string }>('POST', '/schedules', {
      name: 'Nightly',
      workflow_id: 'greeting',
      frequency: 'daily',
      timezone: 'Asia/Tokyo',
    })
    expect((await run('schedules', 'list')).out).toMatch(
      / Nightly +yes +0 9 \* \* \* +Asia\/Tokyo +\S+T00:00:00.000Z +0 +0$/m,
    )
    expect((await run('schedules', 'preview', schedule, '--count', '2')).out).toMatch(
      /^due .*\n(\S+T00:00:00.000Z +\S+\n){2}$/,
    )
    expect((await run('stats')).out).toMatch(/^queued +1 \(critical 0, high 0, normal 0, low 1\)$/m)
    expect(await run('health', '--json')).toMatchObject({ status: 0, out: expect.stringContaining('"status": "ok"') })
  })

  test('a wrong key, an unknown job and an orchestrator that is not there are failures', async () => {
    const [key, job, away] = await Promise.all([
      run('stats', '--key', 'crpa_no'),
      run('jobs', 'get', 'none'),
      run('stats', '--url', `http://127.0.0.1:${await freePort()}`),
    ])
    const hint = '; give a key with --key or CASARE_KEY'
    expect(key).toEqual({ status: 1, out: '', err: `casare: Unknown API key (AUTHENTICATION_FAILED)${hint}\n` })
    expect(job).toEqual({ status: 1, out: '', err: 'casare: Job with ID none not found (NOT_FOUND)\n' })
    expect(away).toMatchObject({
      status: 1,
      out: '',
      err: expect.stringMatching(/^casare: .*ECONNREFUSED.* \(CONNECTION_ERROR\)\n$/),
    })
  })

  test('what a robot wrote cannot speak to the terminal, nor hide from a program', async () => {
    const hostile = 'a\u202egnp.exe\u202c\u200b\u001b[2J\u009b1m\u2028b\nforged'
    const wire = await Wire.register(server.robots, server.admin, { robot_id: 'hostile', robot_name: hostile })
    try {
      const [table, json] = await Promise.all([run('robots', 'list'), run('robots', 'list', '--json')])
      expect(table.out).toMatch(/^hostile +agnp\.exe\ufffd\[2J\ufffd1m b forged +online/m)
      expect(json.out).toContain(
        '"name": "a\\u202egnp.exe\\u202c\\u200b\\u001b[2J\\u009b1m\\u2028b\\nforged"',
      )
      expect(JSON.parse(json.out)).toContainEqual(expect.objectContaining({ name: hostile }))
    } finally {
      await wire.close()
    }
  })
})

describe('bad usage is said in one line, and ends with 2', () => {
  const TABLE: readonly (readonly [string, string])[] = [
    ['jobs lst', "casare: unknown command 'lst' (Did you mean list?)"],
    ['jobs get', "casare: missing required argument 'id'"],
    ['jobs list --limit 0', "casare: option '-n, --limit <count>' argument '0' is invalid. It must be a whole number"],
    ['jobs submit x -p y', "casare: option '-p, --param <name=value>' argument 'y' is invalid. It must be name=value."],
    [
      'jobs submit x --parameters []',
      "casare: option '--parameters <json>' argument '[]' is invalid. It must be a JSON",
    ],
    ['jobs submit --definition none.json', "casare: option '--definition <file>' argument 'none.json' is invalid. It"],
    ['stats --url localhost', 'casare: --url or CASARE_URL must start with http:// or https://: localhost'],
    ['stats --key crpa_\u00fc', 'casare: --key or CASARE_KEY must consist of ASCII letters, digits and signs'],
    ['--frequency', "casare: unknown option '--frequency'"],
    ['start --colour', "casare: unknown option '--colour'"],
    ['--fleet acme start now', "casare: too many arguments for 'start'. Expected 0 arguments but got 1"],
    ['start --http-port x', "casare: option '--http-port <port>' argument 'x' is invalid. It must be a port from 0 to"],
    ['start --json', "casare: option '--json' is not for 'casare start'"],
    ['--url http://127.0.0.1:1 start', "casare: option '--url <url>' is not for 'casare start'"],
    ['--fleet acme robot', "casare: option '--fleet <fleet>' is not for 'casare robot'"],
  ]
  for (const [args, message] of TABLE) {
    test.concurrent(args, async () => {
      const { status, out, err } = await casare(args.split(' '))
      expect([status, out, err.trimEnd().split('\n').length]).toEqual([2, '', 1])
      expect(err.slice(0, message.length)).toBe(message)
    })
  }
})

test('help names the variable and the default of each option, and of no option that a command does not take', async () => {
  const [robot, list] = await Promise.all([['help', 'robot'], ['jobs', 'list', '--help']].map((args) => casare(args)))
  expect(robot?.out).toMatch(/^ {2}--slots <count> +jobs at a time \(default: "2", env:\s+CASARE_ROBOT_SLOTS\)$/m)
  expect(robot?.out).toContain('CASARE_ROBOT_URL')
  expect(robot?.out).not.toMatch(/CASARE_URL|--json/)
  expect(list?.out).toMatch(/^ {2}--key <key> +an API key \(env: CASARE_KEY\)$/m)
})

test('casare start is an orchestrator, whatever stands before the word', async () => {
  const data = newFolder()
  const flags = ['--data', data, '--no-robot', '--http-port', '0', '--robot-port', '0']
  const server = new Program('cli/bin.ts', ['--fleet', 'default', 'start', ...flags])
  await server.printed(/Ready\. Ctrl-C stops it\./)
  server.signal('SIGINT')
  expect(await server.exited).toBe(0)
})

test('a file that is not UTF-8 is not sent with U+FFFD in it', async () => {
  const file = join(newFolder(), 'latin.json')
  writeFileSync(file, Buffer.from('{"name":"J\u00fcrgen"}', 'latin1'))
  const { status, err } = await casare(['jobs', 'submit', '--definition', file])
  expect([status, err]).toEqual([2, expect.stringContaining('It cannot be read: it is not valid UTF-8.')])
})

test('help is no mistake; no command at all is one', async () => {
  const [help, jobs, none, ...starts] = await Promise.all(
    [['--help'], ['help', 'jobs'], [], ['start', '--help'], ['help', 'start'], ['--fleet', 'acme', 'start', '--help']]
      .map((args) => casare(args)),
  )
  expect(help).toMatchObject({ status: 0, err: '', out: expect.stringMatching(/^Usage: casare /) })
  expect(jobs).toMatchObject({ status: 0, err: '', out: expect.stringMatching(/^Usage: casare jobs /) })
  expect(none).toMatchObject({ status: 2, out: '', err: expect.stringMatching(/^Usage: casare /) })
  for (const start of starts) {
    expect(start).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringMatching(/^Usage: casare start \[options\]\n/),
    })
    expect(start.out).toMatch(
      /^ {2}--http-port <port>\s+port of the HTTP API \(default: 8766,\s+env:\s+CASARE_HTTP_PORT\)$/m,
    )
  }
})
