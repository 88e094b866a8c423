import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { connect } from '../../adapters/store/file.ts'
import { rng } from '../../core/base/random.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { MAIN, newFolder, Program } from './program.ts'
import { readBanner } from '../wire/banner.ts'

/** Files that are not what they were, as an operator meets them: the process says so in one line, and serves none of it. */

afterAll(cleanUp)

// Files copied into a folder here have the same permissions as those before, so a start does not warn.
process.umask(0o077)

const DATABASE = 'orchestrator.db'
const JOBS = 12
const DEFINITION = {
  metadata: { name: 'Own' },
  nodes: { start: { node_type: 'StartNode' }, end: { node_type: 'EndNode' } },
  connections: [],
}

interface Past {
  readonly data: string
  readonly admin: string
}

/** A data folder that an orchestrator has worked in, which was stopped or killed. */
async function past(end: 'stop' | 'kill'): Promise<Past> {
  const server = await Orchestrator.start()
  for (let i = 0; i < JOBS; i++) {
    await server.submit({ workflow_id: 'greeting', parameters: { name: `Jürgen ${i}`, note: 'ü'.repeat(300) } })
  }
  const admin = server.admin
  if (end === 'kill') await server.kill()
  else expect(await server.stop()).toBe(0)
  return { data: server.data, admin }
}

function copied(data: string): string {
  const to = join(newFolder(), 'data')
  cpSync(data, to, { recursive: true })
  return to
}

/** Starts on a folder, without waiting for anything. */
function start(data: string, ...args: readonly string[]): Program {
  return new Program(MAIN, ['--data', data, '--http-port=0', '--robot-port=0', '--no-robot', ...args])
}

/** The only line on stderr of a process that exits by itself. Anything else does not match. */
async function lastLine(program: Program): Promise<string> {
  const status = await program.exited
  await program.closed
  expect([status, program.err.split('\n').length, program.err.startsWith('casare: ')]).toEqual([1, 2, true])
  return program.err
}

const refused = async (data: string, ...args: readonly string[]) => lastLine(start(data, ...args))

/** The answers to all requests; null if the process exits meanwhile, or does not start. */
async function answers(program: Program, admin: string): Promise<string | null> {
  try {
    const { http } = await readBanner(program)
    const ask = async (path: string) => {
      const response = await fetch(`${http}${path}`, { headers: { Authorization: `Bearer ${admin}` } })
      return { status: response.status, body: await response.json() as { readonly items?: readonly { id: string }[] } }
    }
    const all: unknown[] = []
    const jobs = await ask('/api/v1/jobs?limit=50')
    all.push(jobs)
    for (const { id } of jobs.body.items ?? []) {
      all.push(await ask(`/api/v1/jobs/${id}`), await ask(`/api/v1/jobs/${id}/history`))
    }
    for (const list of ['workflows', 'robots', 'triggers', 'schedules', 'keys', 'pools', 'webhooks']) {
      all.push(await ask(`/api/v1/${list}`))
    }
    for (const id of ['greeting', 'orders-total']) all.push(await ask(`/api/v1/workflows/${id}`))
    return JSON.stringify(all)
  } catch {
    return null
  }
}

/** The outcome of a start on this folder: all its answers, or the line with which it exits. */
async function outcome(data: string, admin: string): Promise<{ readonly answers: string } | { readonly line: string }> {
  const program = start(data)
  const answered = await answers(program, admin)
  if (answered === null) return { line: await lastLine(program) }
  program.signal('SIGTERM')
  expect(await program.exited).toBe(0)
  return { answers: answered }
}

describe.each(['stop', 'kill'] as const)('after a %s', (end) => {
  test('a bit that has flipped changes no answer, or is told in one line', { timeout: 240_000 }, async () => {
    const { data, admin } = await past(end)
    const healthy = await outcome(copied(data), admin)
    expect(healthy).toHaveProperty('answers')
    const random = rng(16)
    const files = [DATABASE, end === 'kill' ? `${DATABASE}-wal` : DATABASE, `${DATABASE}-generation`]
    for (let i = 0; i < 8; i++) {
      const own = copied(data)
      const path = join(own, files[i % 5 === 4 ? 2 : i % 2] ?? DATABASE)
      const bytes = readFileSync(path)
      const at = Math.floor(random() * bytes.length)
      bytes[at]! ^= 1 << Math.floor(random() * 8)
      writeFileSync(path, bytes)
      const found = await outcome(own, admin)
      if ('line' in found) {
        expect(found.line, `${path} at ${at}`).toMatch(/orchestrator\.db.*(backup|delete|newer version)/)
      } else expect(found, `${path} at ${at}`).toEqual(healthy)
      rmSync(own, { recursive: true })
    }
  })

  test('a database that is missing, or another, is not begun anew', async () => {
    const { data, admin } = await past(end)
    const later = copied(data)
    const server = await Orchestrator.start({ data: later })
    for (let i = 0; i < 3; i++) {
      expect((await server.call('POST', '/api/v1/jobs', { key: admin, body: { workflow_id: 'greeting' } })).status)
        .toBe(201)
    }
    await server.kill()
    copyFileSync(join(data, DATABASE), join(later, DATABASE))
    if (end === 'stop') rmSync(join(later, `${DATABASE}-wal`))
    expect(await refused(later)).toMatch(/orchestrator\.db (and|is older).*(restore|backup)/)
    rmSync(join(data, DATABASE))
    expect(await refused(data)).toMatch(
      /orchestrator\.db is missing or empty.*restore it from a backup, or start once with --new/,
    )
    const program = start(data, '--new')
    expect((await readBanner(program)).admin).toMatch(/^crpa_/)
    program.signal('SIGTERM')
    expect(await program.exited).toBe(0)
  })
})

describe('while it runs', () => {
  /** Changes the database behind the back of a server. */
  function change(data: string, sql: string): void {
    const other = connect(join(data, DATABASE))
    other.all(sql, [])
    other.close()
  }

  /** The id of a job as SQL has it. */
  const stored = (id: string): string => `x'${id.replaceAll('-', '')}'`

  test('damage that somebody comes upon ends the process with one line, and not with 500 for ever', async () => {
    const server = await Orchestrator.start()
    const id = await server.submit({ workflow_id: 'greeting' })
    change(server.data, `update jobs set created_by = cast(x'61ff62' as text) where id = ${stored(id)}`)
    await server.call('GET', `/api/v1/jobs/${id}`).catch(() => null)
    expect(await lastLine(server.program)).toMatch(
      /orchestrator\.db is damaged \(a row has text that is not UTF-8\): restore/,
    )
    expect(await refused(server.data)).toMatch(/is damaged .*restore it from a backup$/m)
  })

  test('a workflow that was altered does not reach a robot', async () => {
    const server = await Orchestrator.start()
    await server.submit({ workflow_id: 'greeting' })
    expect(await server.stop()).toBe(0)
    change(server.data, "update definitions set json = replace(json, 'Greeting', 'Greed')")
    expect(await refused(server.data)).toMatch(
      /the workflow definition [0-9a-f]{12}… is not the one of this hash\): restore/,
    )
  })

  test('--check says of each database whether it is sound, and starts nothing', async () => {
    const server = await Orchestrator.start()
    await server.api('POST', '/fleets', { name: 'acme' })
    const id = await server.submit({ workflow_id: 'greeting' })
    const busy = start(server.data, '--check')
    expect(await lastLine(busy)).toMatch(/is in use by another orchestrator/)
    expect(await server.stop()).toBe(0)
    const check = async () => {
      const program = start(server.data, '--check')
      const status = await program.exited
      await program.closed
      return [status, program.err, ...program.out.trim().split('\n')]
    }
    const sound = expect.stringMatching(/\.db: sound \(\d+ rows\)$/)
    expect(await check()).toEqual([0, '', sound, sound])
    change(
      server.data,
      `update job_history set at = at + 1 where job = (select seq from jobs where id = ${stored(id)})`,
    )
    const found = expect.stringMatching(/orchestrator\.db is damaged \(a row of job_history does not match/)
    expect(await check()).toEqual([1, '', found, sound])
  })

  test('a fleet that is damaged is closed, and the others go on', async () => {
    const server = await Orchestrator.start()
    const keys: Record<string, string> = {}
    for (const name of ['acme', 'other']) {
      const made = await server.api<{ readonly admin_key: string }>('POST', '/fleets', { name })
      keys[name] = made.admin_key
    }
    const list = (name: string) => server.call('GET', `/fleets/${name}/api/v1/workflows`, { key: keys[name] ?? '' })
    const save = await server.call('POST', '/fleets/acme/api/v1/workflows', {
      key: keys['acme'] ?? '',
      body: { id: 'own', name: 'Own', json_definition: DEFINITION },
    })
    expect(save.status).toBe(201)
    const other = connect(join(server.data, 'fleets/acme.db'))
    other.all("update workflows set name = 'Other'", [])
    other.close()
    expect((await list('acme')).status).toBe(503)
    expect((await list('acme')).status).toBe(503)
    expect((await list('other')).status).toBe(200)
    expect((await server.call('GET', '/healthz')).status).toBe(200)
    expect(server.program.err).toMatch(/a fleet is closed: its database is damaged.*acme\.db is damaged/)
    expect(await server.stop()).toBe(0)
    // The files of one do not do for another.
    copyFileSync(join(server.data, 'fleets/other.db'), join(server.data, 'fleets/acme.db'))
    await server.restart()
    expect((await list('acme')).status).toBe(503)
    expect(server.program.err).toMatch(/acme\.db is another database than the one that acme\.db-generation belongs to/)
    rmSync(join(server.data, 'fleets/acme.db'))
    expect(await server.stop()).toBe(0)
    await server.restart()
    expect(server.program.err).toMatch(/the database of a fleet is missing.*"fleet":"acme"/)
    expect(await server.stop()).toBe(0)
  })

  test('with relaxed durability it says what a power cut may lose', async () => {
    const server = await Orchestrator.start({ args: ['--durability', 'relaxed'] })
    expect(server.program.err).toMatch(
      /durability is relaxed: a power cut loses what was answered since the last checkpoint/,
    )
    const { body } = await server.call('GET', '/healthz')
    expect(body).toMatchObject({
      durability: 'relaxed',
      may_lose: expect.stringContaining('since the last checkpoint'),
    })
    expect(await server.stop()).toBe(0)
  })
})
