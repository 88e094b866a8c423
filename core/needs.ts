import type { State } from './state.ts'
import type { Event } from './events/index.ts'
import type { JobSubmission } from './events/jobs.ts'
import type { JobId, Millis } from './base/ids.ts'
import { type Prefetch, prefetchOf } from './prefetch.ts'
import { neededPages } from './webhooks/queue.ts'
import { lateInteractions } from './robots/reports.ts'
import { isHorizonDue } from './jobs/save.ts'
import { parametersNeeded } from './triggers/parameters.ts'
import type { RobotMessage } from './protocol/message.ts'
import { TURN_EVENTS_MAX } from './settings.ts'

/** The characters of parameters, and the bytes of a robot's message, that count as another event. */
const CHARS_OF_EVENT = 1 << 14

/** The number of events that an event counts as: a batch as those that it stands for, and what is large as several. */
export function weightOf(event: Event): number {
  if (event.type === 'job.submitted') return weightOfChars(event.parameters.length)
  if (event.type === 'robot.message') return weightOfChars(event.bytes)
  if (event.type !== 'batch.submitted') return 1
  return event.submissions.reduce((sum, { parameters }) => sum + weightOfChars(parameters.length), 0)
}

function weightOfChars(chars: number): number {
  return 1 + Math.floor(chars / CHARS_OF_EVENT)
}

/** The number of the first events that fill a turn by their weights. At least one. */
export function eventsOfTurn(events: readonly Event[]): number {
  let [count, weight] = [0, 0]
  for (const event of events) {
    weight += weightOf(event)
    if (count > 0 && weight > TURN_EVENTS_MAX) break
    count++
  }
  return count
}

/** The rows outside memory that the events of a turn may touch; null if there are none, as is usual. */
export function needs(state: State, events: readonly Event[], now: Millis): Prefetch | null {
  const prefetch = prefetchOf({ duplicatesSince: now - state.settings.duplicateMs, pages: neededPages(state) })
  for (const event of events) needsOf(state, event, prefetch, now)
  prefetch.jobs.push(...parametersNeeded(state, events, now))
  for (const interaction of lateInteractions(state, events)) prefetch.interactions.push(interaction)
  if (isHorizonDue(state, now)) prefetch.due = { after: state.horizonAt, until: now + state.settings.horizonMs }
  const rows = prefetch.jobs.length + prefetch.duplicates.length + prefetch.idempotency.length +
    prefetch.deliveries.length
  return rows + prefetch.interactions.length + prefetch.pages.length === 0 && prefetch.due === null &&
      prefetch.earlyRuns === null
    ? null
    : prefetch
}

function needsOf(state: State, event: Event, prefetch: Prefetch, now: Millis): void {
  const job = (id: JobId): void => void (state.jobs.has(id) || prefetch.jobs.push(id))
  switch (event.type) {
    case 'robot.message':
      if (ABOUT_ENDED_JOBS.has(event.message.type) && 'job_id' in event.message.payload) {
        job(event.message.payload.job_id)
      }
      return
    case 'job.submitted':
      return needsOfSubmission(event, prefetch)
    case 'batch.submitted':
      for (const submission of event.submissions) needsOfSubmission(submission, prefetch)
      return
    case 'delivery.replayed':
      prefetch.deliveries.push(event.delivery)
      return
    case 'workflow.called':
      if (event.parent !== null) job(event.parent)
      if (event.idempotency !== null) prefetch.idempotency.push(event.idempotency.key)
      return
    case 'trigger.fired':
    case 'webhook.received':
      if (event.idempotency !== null) prefetch.idempotency.push(event.idempotency.key)
      return
    case 'cancel.requested':
    case 'release.requested':
      job(event.job)
      return
    case 'retry.requested':
      // Its parameters are needed even if it is in memory.
      prefetch.jobs.push(event.job)
      return
    case 'clock.set':
      if (event.by < 0) prefetch.earlyRuns = now
  }
}

function needsOfSubmission(submission: JobSubmission, prefetch: Prefetch): void {
  if (submission.check_duplicate) prefetch.duplicates.push(...duplicateKeys(submission))
  if (submission.idempotency !== null) prefetch.idempotency.push(submission.idempotency.key)
}

/** Both keys, because only the step knows which counts: whether the definition equals the stored workflow's. */
function duplicateKeys({ duplicate_key, workflow }: JobSubmission): readonly string[] {
  return [duplicate_key, typeof workflow === 'string' ? null : workflow.workflow_duplicate_key].filter((key) =>
    key != null
  )
}

/** Messages about jobs that may have ended. */
const ABOUT_ENDED_JOBS: ReadonlySet<RobotMessage['type']> = new Set([
  'job_complete',
  'job_failed',
  'job_cancelled',
  'job_progress',
  'log_entry',
  'log_batch',
])
