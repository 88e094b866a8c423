import { afterEach, beforeEach, expect, test } from 'vitest'
import { submitJob } from '../../../adapters/commands/jobs.ts'
import { type Fleet, openFleet } from '../../../adapters/fleet/fleet.ts'
import { validate } from '../../../adapters/http/kit/request.ts'
import { nodePlatform } from '../../../adapters/node/platform.ts'
import type { Store } from '../../../adapters/store/contract.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import { Submission } from '../../../core/api/jobs.ts'
import type { JobId } from '../../../core/base/ids.ts'
import { isRefusal } from '../../../core/base/refusal.ts'
import { DEFAULTS } from '../../../core/settings.ts'

/** The one way to wait for the end of a job. */

let fleet: Fleet
/** Commits say that they have begun, and wait for this one. */
let gate: Promise<void>
let begun = (): void => {}

beforeEach(async () => {
  gate = Promise.resolve()
  const store = memoryStore()
  const slow: Store = {
    ...store,
    async commit(out) {
      begun()
      await gate
      return store.commit(out)
    },
  }
  fleet = await openFleet(slow, { ...nodePlatform(), log: () => {} }, DEFAULTS, () => {})
})
afterEach(() => fleet.stop())

async function submit(): Promise<JobId> {
  const given = { workflow_id: 'w', workflow_json: { nodes: {} } }
  const body = validate({ json: given, written: given }, Submission)
  const event = isRefusal(body) ? body : submitJob(fleet.platform, body, 'test', null, null)
  if (isRefusal(event)) throw new Error(event.message)
  const answer = await fleet.request((reply) => ({ ...event, reply }))
  if (answer.type !== 'job') throw new Error(`not taken: ${JSON.stringify(answer)}`)
  return answer.job.id
}

const cancel = (job: JobId): Promise<unknown> =>
  fleet.request((reply) => ({ type: 'cancel.requested', reply, job, by: 'test', reason: 'enough' }))

test('an end is told whose commit was under way when the wait began', async () => {
  const id = await submit()
  let open = (): void => {}
  gate = new Promise((resolve) => open = resolve)
  const committing = new Promise<void>((resolve) => begun = resolve)
  const cancelled = cancel(id)
  await committing
  const ended = fleet.watchers.jobEnded(id)
  // The job is read before the commit goes on.
  await expect(fleet.queries.job(id)).resolves.toMatchObject({ status: 'queued' })
  await new Promise((resolve) => setImmediate(resolve))
  open()
  await cancelled
  expect(await ended).toMatchObject({ id, status: 'cancelled' })
})

test('one that is there already is told at once, to each who asks', async () => {
  const id = await submit()
  const asked = [fleet.watchers.jobEnded(id), fleet.watchers.jobEnded(id, { mostMs: 60_000, isOver: () => false })]
  await cancel(id)
  for (const job of [...await Promise.all(asked), await fleet.watchers.jobEnded(id)]) {
    expect(job).toMatchObject({ id, status: 'cancelled' })
  }
  expect(fleet.watchers.any).toBe(false)
})

test('the wait is over with its time, its signal, its reason, or the fleet; and where there is no job', async () => {
  const id = await submit()
  const { watchers } = fleet
  expect(await watchers.jobEnded(id, { mostMs: 0 })).toBeNull()
  expect(await watchers.jobEnded(id, { mostMs: 1 })).toBeNull()
  expect(await watchers.jobEnded(id, { isOver: () => true })).toBeNull()
  expect(await watchers.jobEnded(id, { signal: AbortSignal.abort() })).toBeNull()
  expect(await watchers.jobEnded('none' as JobId)).toBeNull()
  let isOver = false
  const [revoked, aborted] = [watchers.jobEnded(id, { isOver: () => isOver }), new AbortController()]
  const left = watchers.jobEnded(id, { signal: aborted.signal })
  isOver = true
  aborted.abort()
  expect(await revoked).toBeNull()
  expect(await left).toBeNull()
  const stopped = watchers.jobEnded(id)
  await fleet.stop()
  expect(await stopped).toBeNull()
  expect(await watchers.jobEnded(id)).toBeNull()
  expect(watchers.any).toBe(false)
})
