import { afterEach, expect, test } from 'vitest'
import { JobWaiters } from '../../../adapters/engine/job-waiters.ts'
import { type Fleet, openFleet } from '../../../adapters/fleet/fleet.ts'
import { nodePlatform } from '../../../adapters/node/platform.ts'
import type { Store } from '../../../adapters/store/contract.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import { submitJob } from '../../../adapters/commands/jobs.ts'
import { validate } from '../../../adapters/http/kit/request.ts'
import type { Reply } from '../../../core/reply.ts'
import type { Effects } from '../../../core/turn.ts'
import type { JobId } from '../../../core/base/ids.ts'
import { DEFAULTS } from '../../../core/settings.ts'
import { isRefusal } from '../../../core/base/refusal.ts'
import { Submission } from '../../../core/api/jobs.ts'

/** Waiting for the end of a job while the disk gives trouble. */

let fleet: Fleet
afterEach(() => fleet.stop())

/** A fleet whose commits fail, before or after they have been made, as `fails` says. */
async function fleetWith(fails: (out: Effects) => 'before' | 'after' | null): Promise<JobWaiters> {
  const store = memoryStore()
  const flaky: Store = {
    ...store,
    commit(out) {
      const when = fails(out)
      if (when === 'before') throw new Error('the disk is full')
      const receipt = store.commit(out)
      if (when === 'after') throw new Error('the answer was lost')
      return receipt
    },
  }
  fleet = await openFleet(flaky, { ...nodePlatform(), log: () => {} }, DEFAULTS, () => {})
  return new JobWaiters(fleet)
}

async function submit(): Promise<JobId> {
  const given = { workflow_id: 'w', workflow_json: { nodes: {} } }
  const body = validate({ json: given, written: given }, Submission)
  const command = isRefusal(body) ? body : submitJob(fleet.platform, body, 'test', null, null)
  if (isRefusal(command)) throw new Error(command.message)
  const answer = await fleet.request((reply) => ({ ...command, reply }))
  if (answer.type !== 'job') throw new Error(`not taken: ${JSON.stringify(answer)}`)
  return answer.job.id
}

const cancel = (job: JobId): Promise<Reply> =>
  fleet.request((reply) => ({ type: 'cancel.requested', reply, job, by: 'test', reason: 'enough' }))

test('an end that was made durable without an answer is found once the fleet has recovered', async () => {
  let trouble = false
  const waiting = await fleetWith(() => trouble ? 'after' : null)
  const id = await submit()
  const ended = waiting.waitForEnd(id)
  trouble = true
  expect(await cancel(id)).toMatchObject({ type: 'refusal', refusal: { refused: 'UNAVAILABLE' } })
  trouble = false
  expect(await ended).toMatchObject({ id, status: 'cancelled' })
})

test('an end that was not made durable is not told', async () => {
  let trouble = false
  const waiting = await fleetWith(() => trouble ? 'before' : null)
  const id = await submit()
  let settled = false
  const ended = waiting.waitForEnd(id).then((job) => {
    settled = true
    return job
  })
  trouble = true
  await cancel(id)
  expect(settled).toBe(false)
  trouble = false
  await expect.poll(() => fleet.phase).toBe('running')
  expect((await fleet.queries.job(id))?.status).toBe('queued')
  expect(settled).toBe(false)
  await cancel(id)
  expect((await ended).status).toBe('cancelled')
})

test('after it was stopped nobody waits', async () => {
  const waiting = await fleetWith(() => null)
  const id = await submit()
  const begun = waiting.waitForEnd(id)
  waiting.failed(new Error('over'))
  const rejected = expect(begun).rejects.toThrow('over')
  await waiting.stop()
  await rejected
  await expect(waiting.waitForEnd(id)).rejects.toThrow('over')
})
