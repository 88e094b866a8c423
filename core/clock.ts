import { earlyRunsBySchedule } from './scheduler/early-runs.ts'
import type { Turn } from './turn.ts'
import type { Millis } from './base/ids.ts'
import { isLive, type JobRow } from './records/job.ts'
import { saveJob } from './jobs/save.ts'
import { shiftMessageRate } from './limiter/message-rate.ts'
import { scheduleNext } from './scheduler/runs.ts'
import { saveWebhook, shiftDeliveryQueues } from './webhooks/queue.ts'
import { recentSince } from './limiter/rates.ts'
import { indexRobot } from './queue/matching.ts'
import { dueAfter } from './records/schedule.ts'
import type { State } from './state.ts'
import type { TimerName } from './timers.ts'
import { saveRobot } from './queue/save.ts'
import { saveTrigger } from './triggers/save.ts'

/**
 * The clock was set. `now` follows the wall clock, forward and back, and everything that measures elapsed time moves
 * along: an event due in ten seconds stays due in ten seconds. Instants given in wall-clock time, those of schedules
 * and scheduled jobs, stay. Decisions stay. See docs/decisions/0016-a-clock-that-is-set.md.
 */
export function clockSet(state: State, { by }: { readonly by: Millis }, turn: Turn): void {
  const before = turn.now - by
  // After the clock was set back, jobs have creation times in the future: after a restart they would count as created
  // just now.
  const earlier = by < 0 ? Math.max(turn.now, before - ENDED_JOBS_MS) : before
  const since = Math.min(earlier - state.settings.duplicateMs, recentSince(state.settings, earlier) ?? Infinity)
  turn.out.clockChange = { by, since }
  shiftMemory(state, by, turn)
  moveHorizonBack(state, turn.now)
  for (const job of state.jobs.values()) saveJob(state, shiftJob(job, by, since), turn)
  for (const robot of state.robots.values()) {
    if ((robot.last_seen ?? 0) <= turn.now) continue
    const last_heartbeat = robot.last_heartbeat === null ? null : Math.min(robot.last_heartbeat, turn.now)
    saveRobot(state, { ...robot, last_seen: turn.now, last_heartbeat }, turn)
  }
  for (const trigger of state.triggers.values()) {
    const { last_triggered: last, cooldown_ms } = trigger
    if (last === null || last > before || cooldown_ms === 0) continue
    // A cooldown that is over stays over: set back, the wall may show instants again at which it was not.
    if (last + cooldown_ms > Math.min(before, turn.now)) {
      saveTrigger(state, { ...trigger, last_triggered: last + by }, turn)
    }
  }
  for (const webhook of state.webhooks.values()) {
    const { former_secret_until, failing_since } = webhook
    if (former_secret_until === null && failing_since === null) continue
    saveWebhook(state, {
      ...webhook,
      former_secret_until: shifted(former_secret_until, by),
      failing_since: shifted(failing_since, by),
    }, turn)
  }
  if (by < 0) decideSchedulesAgain(state, turn)
}

/** The age up to which ended jobs are moved along with a clock that is set back, since there may be very many. */
const ENDED_JOBS_MS: Millis = 24 * 3_600_000

/** Deadlines in wall-clock time. That of a scheduled job is moved, and then restored from its row. */
const WALL_TIMERS: ReadonlySet<TimerName> = new Set(['schedule.due', 'store.horizon', 'webhook.page'])

/** Moves the state that is in no row, and the deliveries, whose rows the store moves itself. */
function shiftMemory(state: State, by: Millis, turn: Turn): void {
  const { limiters, logs, sessions, sockets, takeovers, timers, warned } = state
  timers.shift(by, WALL_TIMERS)
  for (const session of sessions.values()) {
    session.since += by
    session.lastFrameAt += by
    session.idleSince += by
    if (session.reported !== null) session.reported = { ...session.reported, at: session.reported.at + by }
    // Its place among the free robots depends on how long it has been idle.
    indexRobot(state, session.robot)
  }
  for (const socket of sockets.keys()) turn.out.snapshots.add(socket)
  for (const rate of limiters.robots.values()) shiftMessageRate(rate, by)
  for (const { disk } of logs.values()) disk.at += by
  for (const [about, last] of warned) warned.set(about, last + by)
  for (const [robot, { since, last, count }] of takeovers) {
    takeovers.set(robot, { since: since + by, last: last + by, count })
  }
  for (const windows of [limiters.triggers, limiters.skips, limiters.keys]) {
    for (const window of windows.values()) window.shift(by)
  }
  shiftDeliveryQueues(state, by)
}

/**
 * Evicts jobs that are beyond the horizon now. When the clock is set forward the horizon moves as usual, and the rows
 * that it uncovers come with this turn.
 */
function moveHorizonBack(state: State, now: Millis): void {
  const { horizonMs } = state.settings
  state.horizonAt = Math.min(state.horizonAt, now + horizonMs)
  state.timers.set('store.horizon', '', Math.min(state.timers.at('store.horizon', ''), now + horizonMs / 2))
}

/** Moves a job along with the clock. One that has ended and whose robot has not confirmed moves like all ended jobs. */
function shiftJob(job: JobRow, by: Millis, since: Millis): JobRow {
  const stop_until = shifted(job.stop_until, by)
  if (!isLive(job.status) && job.created_at <= since) return { ...job, stop_until }
  const asked = job.ready_at !== null && job.ready_at === job.scheduled_time
  // For a job that has waited for room, the queue timeout counts from its scheduled time.
  const waiting = job.queued_at ?? (job.status === 'pending' && job.ready_at === null ? job.scheduled_time : null)
  return {
    ...job,
    created_at: job.created_at + by,
    queued_at: shifted(waiting, by),
    ready_at: asked ? job.ready_at : shifted(job.ready_at, by),
    offer_until: shifted(job.offer_until, by),
    offered_at: shifted(job.offered_at, by),
    stop_until,
    started_at: shifted(job.started_at, by),
    completed_at: shifted(job.completed_at, by),
  }
}

function shifted(instant: Millis | null, by: Millis): Millis | null {
  return instant === null ? null : instant + by
}

/**
 * Schedules follow the wall clock: instants between the new and the old time become due again, except those that have
 * made a job.
 */
function decideSchedulesAgain(state: State, turn: Turn): void {
  for (const [id, dues] of earlyRunsBySchedule(turn.prefetched.earlyRuns)) state.earlyRuns.set(id, dues)
  for (const schedule of state.schedules.values()) {
    if (schedule.decided_until <= turn.now) continue
    const back = { ...schedule, decided_until: turn.now }
    scheduleNext(state, back, schedule.enabled ? dueAfter(back, turn.now) : null, turn)
  }
}
