import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rowIds } from '../../../adapters/crypto/ids.ts'
import { submitNewJob } from '../../../adapters/engine/jobs.ts'
import { CasareClient } from '../../../client/client.ts'
import { JOB, startApp, type SubmissionApp } from './submission-app.ts'

/** The cost of a submission, in calls that are counted: no other load on the machine changes them. */

let app: SubmissionApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.stop())

/** The number of calls of a function of an object while something is done. */
async function callsOf<T extends object>(
  owner: T,
  name: keyof T & string,
  run: () => Promise<unknown>,
): Promise<number> {
  const original = owner[name] as (...args: unknown[]) => unknown
  let calls = 0
  const counting = function (this: unknown, ...args: unknown[]): unknown {
    calls++
    return original.apply(this, args)
  }
  owner[name] = counting as T[typeof name]
  syncBuiltinESMExports()
  try {
    await run()
  } finally {
    owner[name] = original as T[typeof name]
    syncBuiltinESMExports()
  }
  return calls
}

describe('hashes', () => {
  const hashesOf = (run: () => Promise<unknown>): Promise<number> => callsOf(crypto, 'createHash', run)
  const submit = (more: object = {}, headers = {}) => app.post('/jobs', { workflow_id: 'none', ...more }, headers)
  const batch = (more: object = {}) =>
    app.post('/jobs/batch', { jobs: Array.from({ length: 10 }, () => ({ workflow_id: 'none', ...more })) })

  test('of a submission are that of the API key once, and what it asks for', async () => {
    expect(await hashesOf(() => submit())).toBe(1)
    expect(await hashesOf(() => submit())).toBe(0)
    expect(await hashesOf(() => submit({ check_duplicate: true }))).toBe(1)
    expect(await hashesOf(() => submit({}, { 'Idempotency-Key': 'k' }))).toBe(2)
  })

  test('of a batch are likewise', async () => {
    expect(await hashesOf(() => batch())).toBe(0)
    expect(await hashesOf(() => batch({ check_duplicate: true }))).toBe(10)
    expect(await hashesOf(() => batch({ idempotency_key: 'k' }))).toBe(20)
  })

  test('of keys that are not admitted are made for each request, and kept by none', async () => {
    const wrong = () => submit({}, { Authorization: 'Bearer crpa_wrong' })
    expect(await hashesOf(wrong)).toBe(1)
    expect(await hashesOf(wrong)).toBe(1)
  })

  test('that are kept admit no key that is revoked', async () => {
    const { id, key } = await (await app.post('/keys', { name: 'k', scopes: ['jobs:submit'] })).json() as Record<
      string,
      string
    >
    const ask = async () => (await submit({}, { Authorization: `Bearer ${key}` })).status
    expect([await ask(), await ask()]).toEqual([404, 404])
    await new CasareClient({ url: app.url, key: app.key }).keys.revoke(String(id))
    expect(await ask()).toBe(401)
  })
})

describe('random bytes', () => {
  test('are drawn for 256 ids of rows at a time, of which each is new and sorts after those before', () => {
    let drawn = 0
    const next = rowIds((bytes) => {
      drawn++
      return crypto.getRandomValues(bytes)
    })
    const ids = Array.from({ length: 10_000 }, () => next())
    expect(drawn).toBe(Math.ceil(10_000 / 256))
    expect(ids).toEqual([...new Set(ids)].toSorted())
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('of a thousand jobs are four draws', async () => {
    const jobs = Array.from({ length: 1_000 }, () => JOB)
    const drawn = await callsOf(globalThis.crypto, 'getRandomValues', () => app.post('/jobs/batch', { jobs }))
    expect(drawn).toBeGreaterThan(0)
    expect(drawn).toBeLessThanOrEqual(4)
  })
})

describe('an answer', () => {
  test('to a submission reads nothing from the store, over HTTP and in the engine', async () => {
    app.queries.length = 0
    expect((await app.post('/jobs', JOB)).status).toBe(201)
    const job = await submitNewJob(app.fleet, { workflowId: 'w', workflowJson: '{"nodes":{}}' }, 'engine')
    expect(job).toMatchObject({ workflowJson: '{"nodes":{}}', logs: '', status: 'queued' })
    expect(app.queries).toEqual([])
  })

  test('to a submission is written once', async () => {
    // Its parameters are the other text.
    expect(await callsOf(JSON, 'stringify', () => app.post('/jobs', JOB).then((answer) => answer.text()))).toBe(3)
  })
})

test('a client keeps its connections, for single submissions and for batches', async () => {
  const before = app.connections()
  const client = new CasareClient({ url: app.url, key: app.key })
  for (let n = 0; n < 20; n++) await client.jobs.submit(JOB)
  for (let n = 0; n < 5; n++) expect(await client.jobs.submitBatch([JOB, JOB])).toHaveLength(2)
  // One is not free in the very moment in which its answer has been read, and one that idles for long is closed.
  expect(app.connections() - before).toBeLessThanOrEqual(4)
})
