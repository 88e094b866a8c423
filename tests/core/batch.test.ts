import { describe, expect, test } from 'vitest'
import type { JobSubmission } from '../../core/events/jobs.ts'
import type { Event } from '../../core/events/index.ts'
import { eventsOfTurn, needs } from '../../core/needs.ts'
import type { SubmissionReply } from '../../core/reply.ts'
import { TURN_EVENTS_MAX } from '../../core/settings.ts'
import { answers, type Bench, bench, ids, join, messages, submit } from './bench.ts'

/** Several jobs in one event. */

function item(id: string, given: Partial<JobSubmission> = {}): JobSubmission {
  return submit(id, given) as Extract<Event, { type: 'job.submitted' }>
}

function batch(...submissions: readonly JobSubmission[]): Event {
  return { type: 'batch.submitted', reply: ids.reply('batch'), submissions }
}

/** The answer to each submission, in one word and the job. */
function outcomes(fleet: Bench, event: Event): readonly string[] {
  const [answer] = answers(fleet.turn(event))
  return answer?.type === 'batch'
    ? answer.answers.map(outcome)
    : [answer?.type === 'refusal' ? outcome(answer) : 'none']
}

function outcome(answer: SubmissionReply): string {
  if (answer.type === 'refusal') return answer.refusal.refused
  return `${answer.job.id} ${answer.replayed === true ? 'as before' : answer.job.status}`
}

describe('a batch', () => {
  test('is one event and one answer, in which each job is accepted or refused by itself', () => {
    const fleet = bench({ liveJobsMax: 2 })
    const refused = item('b', { workflow: ids.workflow('none') })
    expect(outcomes(fleet, batch(item('a'), refused, item('c'), item('d')))).toEqual([
      'a queued',
      'NOT_FOUND',
      'c queued',
      'QUEUE_FULL',
    ])
    expect([...fleet.disk.rows.jobs.keys()]).toEqual(['a', 'c'])
    expect(fleet.disk.history.map(({ job_id, event }) => `${job_id} ${event}`)).toEqual(['a submit', 'c submit'])
  })

  test('goes to robots as the same jobs would one after another', () => {
    const fleet = bench()
    fleet.turn(...join('r1', { slots: 3 }))
    const offered = messages(fleet.turn(batch(item('a'), item('b'), item('c'), item('d'))), 'job_assign')
    expect(offered.map(({ payload }) => payload.job_id)).toEqual(['a', 'b', 'c'])
  })

  test('that repeats an idempotency key or a job within itself answers as if they had come one after another', () => {
    const fleet = bench()
    const once = (key: string, fingerprint = 'f') => ({ idempotency: { key, fingerprint } })
    const twin = { duplicate_key: 'd', check_duplicate: true }
    const jobs = [
      item('a', once('k')),
      item('b', once('k')),
      item('c', once('k', 'other')),
      item('d', twin),
      item('e', twin),
    ]
    const first = ['a queued', 'a as before', 'IDEMPOTENCY_MISMATCH', 'd queued', 'DUPLICATE_JOB']
    expect(outcomes(fleet, batch(...jobs))).toEqual(first)
    const alone = bench()
    const single = jobs.flatMap((job) => answers(alone.turn({ ...job, type: 'job.submitted', reply: ids.reply('r') })))
    expect(single.map((answer) => outcome(answer as SubmissionReply))).toEqual(first)
    expect([...fleet.disk.rows.jobs.values()]).toEqual([...alone.disk.rows.jobs.values()])
  })

  test('that is sent again answers as before, also when its jobs have left memory', () => {
    const fleet = bench({}, undefined)
    const jobs = ['a', 'b'].map((id) => item(id, { idempotency: { key: id, fingerprint: id } }))
    fleet.turn(batch(...jobs))
    for (const { job } of jobs) {
      fleet.turn({ type: 'cancel.requested', reply: ids.reply('c'), job, by: 'tester', reason: '' })
    }
    expect(fleet.state.jobs.size).toBe(0)
    const again = jobs.map((job) => ({ ...job, job: ids.job(`${job.job}2`) }))
    expect(outcomes(fleet, batch(...again))).toEqual(['a as before', 'b as before'])
    expect(fleet.disk.rows.jobs.size).toBe(2)
  })

  test('counts each of its jobs for the limit of its key, and says how long to wait', () => {
    const fleet = bench({ submissionsMax: 2 })
    const jobs = ['a', 'b', 'c'].map((id) => item(id, { key: ids.key('k') }))
    const [answer] = answers(fleet.turn(batch(item('x', { key: ids.key('k'), workflow: ids.workflow('no') }), ...jobs)))
    expect(answer).toMatchObject({ type: 'batch', quota: { limit: 2, remaining: 0 } })
    expect(answer?.type === 'batch' ? answer.answers.at(-1) : undefined).toMatchObject({
      refusal: { refused: 'RATE_LIMITED', details: { retry_after_ms: 60_000 } },
    })
  })

  test('is refused as a whole while the orchestrator drains', () => {
    const fleet = bench()
    fleet.turn({ type: 'drain' })
    expect(outcomes(fleet, batch(item('a')))).toEqual(['UNAVAILABLE'])
  })

  test('asks for the rows of all its jobs at once', () => {
    const fleet = bench()
    const jobs = ['a', 'b'].map((id) =>
      item(id, { duplicate_key: id, check_duplicate: true, idempotency: { key: id, fingerprint: '' } })
    )
    expect(needs(fleet.state, [batch(...jobs)], fleet.now)).toMatchObject({
      duplicates: ['a', 'b'],
      idempotency: ['a', 'b'],
    })
  })
})

test('a turn has so many events, of which a batch is as many as it has jobs', () => {
  const of = (count: number): Event => batch(...Array.from({ length: count }, (_, i) => item(`j${i}`)))
  const tick: Event = { type: 'tick' }
  expect(eventsOfTurn(Array.from({ length: TURN_EVENTS_MAX + 1 }, () => tick))).toBe(TURN_EVENTS_MAX)
  expect(eventsOfTurn([of(TURN_EVENTS_MAX - 1), tick, tick])).toBe(2)
  expect(eventsOfTurn([tick, of(TURN_EVENTS_MAX)])).toBe(1)
  expect(eventsOfTurn([of(TURN_EVENTS_MAX + 1), tick])).toBe(1)
})
