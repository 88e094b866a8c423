import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HAS_SQLD, Sqld } from '../contract/sqld.ts'
import { type ErrorBody, until } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { ROBOT } from './program.ts'

/** The orchestrator with its database on a libSQL server: both are real processes, and both are killed. */

let database: Sqld

beforeAll(async () => {
  if (HAS_SQLD) database = await Sqld.start({ locked: true })
})

afterAll(cleanUp)
afterAll(() => database?.remove())

describe.skipIf(!HAS_SQLD).sequential('from the first start on', () => {
  let server: Orchestrator
  let done = ''

  test('it says where its database is, and tells nobody the token', async () => {
    const env = { CASARE_DATABASE_TOKEN: database.token() }
    server = await Orchestrator.start({ robot: true, fixedPorts: true, args: ['--database', database.url], env })
    expect(server.program.out).toContain(`  Database   ${database.url} (durability: that of the server)\n`)
    expect(server.program.out).not.toContain(database.token())
    expect((await server.call('GET', '/healthz')).body).toMatchObject({ status: 'ok', durability: 'server' })
    await server.program.printed(/registered, waiting for jobs/)
    const [robot] = server.program.children(ROBOT)
    const environment = `/proc/${robot}/environ`
    if (existsSync(environment)) expect(readFileSync(environment, 'utf8')).not.toContain('CASARE_DATABASE_TOKEN')
  })

  test('a job runs from its submission to its result', async () => {
    done = await server.submit({ workflow_id: 'orders-total', parameters: { region: 'west' } })
    const job = await server.jobIn(done, 'completed', 'failed')
    expect(job).toMatchObject({ status: 'completed', progress: 100, offer: 1, result: { count: expect.any(Number) } })
    expect(job.logs).toContain('orders')
  })

  test('what was acknowledged survives kill -9 of the orchestrator, and is done by its successor', async () => {
    const scheduled_time = new Date(Date.now() + 2_000).toISOString()
    const waiting = await server.submit({
      workflow_id: 'orders-total',
      parameters: { region: 'north' },
      scheduled_time,
    })
    await server.kill()
    await server.restart()
    expect(await server.job(done)).toMatchObject({ status: 'completed' })
    expect(await server.jobIn(waiting, 'completed', 'failed')).toMatchObject({ status: 'completed' })
  })

  test('kill -9 of the database is survived: refused meanwhile, and nothing is lost', async () => {
    const { id } = await server.api<{ readonly id: string }>('POST', '/jobs', { workflow_id: 'greeting' })
    await server.jobIn(id, 'completed', 'failed')
    await database.kill()
    const read = await server.call<ErrorBody>('GET', `/api/v1/jobs/${id}`)
    expect([read.status, read.headers.get('retry-after')]).toEqual([503, '5'])
    expect(read.body.payload.error_code).toBe('UNAVAILABLE')
    const write = await server.call<ErrorBody>('POST', '/api/v1/jobs', { body: { workflow_id: 'greeting' } })
    expect([write.status, write.body.payload.error_code]).toEqual([503, 'UNAVAILABLE'])
    expect((await server.call('GET', '/healthz')).body).toMatchObject({ status: 'recovering' })
    await database.start()
    await until('it has recovered', async () => (await server.call('GET', '/healthz')).status === 200 || undefined)
    for (const job of [done, id]) expect(await server.job(job)).toMatchObject({ status: 'completed' })
    const next = await server.submit({ workflow_id: 'greeting' })
    expect(await server.jobIn(next, 'completed', 'failed')).toMatchObject({ status: 'completed' })
  })

  test('Ctrl-C ends it with 0, and the token was never logged', async () => {
    expect(await server.stop()).toBe(0)
    expect(server.program.err).toContain('cannot be reached')
    expect(server.program.out + server.program.err).not.toContain(database.token())
  })
})
