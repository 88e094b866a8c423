import { CLOCK_CHECK_MS } from '../../../adapters/fleet/fleet-clock.ts'
import { nextAlarm } from '../../../core/on-timer.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { Millis } from '../../../core/base/ids.ts'
import type { State } from '../../../core/state.ts'
import type { TimerName } from '../../../core/timers.ts'
import type { Truth } from '../truth/truth.ts'
import type { Rule } from './rule.ts'
import type { World } from '../world/world.ts'
import type { ClockChange } from '../../../core/turn.ts'
import { demand, same } from '../violation.ts'

/**
 * Rules about a clock that is set: nothing waits for it, nothing ends early, and the rows move along. Judged by true
 * time.
 */

/** The tolerated lateness of a deadline while the server runs steadily: a late alarm, a slow commit. */
export const LATE_MS: Millis = 45_000

/** And one at an instant of the wall, after the clock was set: the process looks for that now and then. */
export const UNSEEN_MS: Millis = CLOCK_CHECK_MS + LATE_MS

const OF_THE_WALL: ReadonlySet<TimerName> = new Set(['schedule.due', 'store.horizon', 'webhook.page', 'job.ready'])

/** L8: nothing waits more than a minute longer than it would have if nobody had set the clock. */
function nothingWaits(truth: Truth, state: State | null): void {
  if (state === null) return
  const { time } = truth
  for (const { id, ready_at, scheduled_time } of truth.liveJobs()) {
    const near = ready_at === null || ready_at === scheduled_time || state.jobs.has(id)
    demand(near, 'L8', () => `job ${id} backs off, and is out of memory: it waits for the clock`)
  }
  const next = nextAlarm(state)
  if (next === null) return
  const elapsed = time.inRows() - next.at
  const late = OF_THE_WALL.has(next.why)
    ? Math.min(Math.max(elapsed, time.machineClock.wall() - next.at), time.now() - time.clockSteadySince) -
      CLOCK_CHECK_MS
    : Math.min(elapsed, time.now() - time.steadySince)
  demand(late <= 60_000, 'L8', () => `${next.why} should have happened ${late} ms ago, and waits for the clock`)
}

/** A server that may be down, or standing still. */
interface Watched {
  readonly isUp: boolean
  isIdle(): boolean
  readonly state: State | null
}

/** L8 is about events that are missing, so this checks periodically. */
export function watchDelays(world: World, truth: Truth, server: Watched): void {
  world.after(30_000, () => {
    if (server.isUp && server.isIdle()) nothingWaits(truth, server.state)
    watchDelays(world, truth, server)
  })
}

/** I45: a job times out when it has run for so long, and not because the clock was set. */
const timeoutsAreEarned: Rule = ({ truth, change }) => {
  for (const entry of change.history) {
    if (entry.event !== 'expire' || entry.from_status !== 'running') continue
    const { job_id, offer } = entry
    const began = truth.histories.get(job_id)?.findLast((other) => other.event === 'accept' && other.offer === offer)
    const job = truth.jobs.get(job_id)
    if (began === undefined || job === undefined) continue
    const ran = truth.time.ofEntry(entry) - truth.time.ofEntry(began)
    demand(ran >= job.timeout_ms, 'I45', () => `job ${job_id} ran for ${ran} of ${job.timeout_ms} ms and timed out`)
  }
}

const TIMES = ['queued_at', 'started_at', 'completed_at', 'offer_until', 'offered_at', 'stop_until'] as const

/** A row after a change of the clock: its instants are moved by the difference. */
function shifted(job: JobRow, by: Millis): JobRow {
  const moved = { ...job, created_at: job.created_at + by }
  for (const name of TIMES) if (job[name] !== null) moved[name] = job[name] + by
  return moved
}

/**
 * I46: the rows of a turn in which the clock was set, as the rules know them before it. Those that live went along, in memory or
 * not; those that have ended went along whole, or not at all.
 */
export function shiftWithClock(truth: Truth, { by }: ClockChange): void {
  const { deliveries, pending } = truth.webhooks
  const { tables } = truth.disk
  truth.time.setBy += by
  for (const id of pending) {
    const row = tables.deliveries.get(id)
    if (row !== undefined) deliveries.set(id, row)
  }
  for (const [id, before] of truth.jobs) {
    const after = tables.jobs.get(id)
    if (after === undefined) continue
    const made = after.created_at - before.created_at
    const live = before.completed_at === null
    demand(!live || made === by, 'I46', () => `job ${id} is ${before.status}, and when it was made did not go along`)
    if (after === before) continue
    const moved = shifted(before, made)
    if (live || before.stop_until !== null) {
      truth.jobs.set(id, moved)
      continue
    }
    demand(same(moved, after), 'I46', () => `job ${id} was ${JSON.stringify(before)}, and is ${JSON.stringify(after)}`)
    truth.jobs.set(id, after)
  }
}

export const CLOCK_RULES: readonly Rule[] = [timeoutsAreEarned]
