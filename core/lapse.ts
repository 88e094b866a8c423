import type { Turn } from './effects.ts'
import { silent, unregistered } from './connection.ts'
import { callLapsed } from './delivery.ts'
import type { JobId, Millis, RobotId, ScheduleId, SocketId, WebhookId } from './ids.ts'
import { closedTo } from './gate.ts'
import { isBlocked, isStopping, isWaiting } from './job.ts'
import { keepJob } from './keep.ts'
import { closeLateLog } from './log.ts'
import { halt, move, stopped } from './move.ts'
import { scheduleDue } from './occurrence.ts'
import { barLapsed, offerLapsed } from './offers.ts'
import { robotLost } from './reconcile.ts'
import { rested } from './robot.ts'
import { statusLapsed } from './control.ts'
import type { State } from './state.ts'
import type { TimerName } from './timers.ts'

/** Whoever acts when nobody does. */
const CLOCK = 'orchestrator'

type Lapsed = (state: State, id: string, turn: Turn) => void

/** What each deadline means when it has come. Ids carry their kind in the timer's name. */
const lapsed: { readonly [T in TimerName]: Lapsed } = {
  'job.ready': (state, id, turn) => ready(state, id as JobId, turn),
  'job.unclaimed': (state, id, turn) => unclaimedTooLong(state, id as JobId, turn),
  'job.offer': (state, id, turn) => offerLapsed(state, id as JobId, turn),
  'job.timeout': (state, id, turn) => timedOut(state, id as JobId, turn),
  'job.stop': (state, id, turn) => stopLapsed(state, id as JobId, turn),
  'schedule.due': (state, id, turn) => scheduleDue(state, id as ScheduleId, turn),
  'robot.silent': (state, id, turn) => silent(state, id as RobotId, turn),
  'robot.lost': (state, id, turn) => robotLost(state, id as RobotId, turn),
  'robot.rest': (state, id) => rested(state, id as RobotId),
  'robot.barred': (state, id) => barLapsed(state, id),
  'robot.conflict': (state, id) => void state.takeovers.delete(id as RobotId),
  'log.close': (state, id, turn) => closeLateLog(state, id as JobId, turn),
  'robot.status': (state, id, turn) => statusLapsed(state, id as RobotId, turn),
  'socket.unregistered': (state, id, turn) => unregistered(state, id as SocketId, turn),
  // The event that found it due has moved it already.
  'store.horizon': () => {},
  'store.forget': (state, _id, turn) => forget(state, turn),
  'webhook.due': (state, id) => void state.outbox.touched.add(id as WebhookId),
  'webhook.call': (state, id, turn) => callLapsed(state, id, turn),
  // The event that found it due has them already.
  'webhook.page': () => {},
}

/**
 * The clock is looked at: every deadline that has come is acted upon, the earliest first. `until` is an instant up to which
 * everything that had arrived has been read: later deadlines may have been met by what nobody has read yet.
 */
export function lapse(state: State, event: { readonly until?: Millis }, turn: Turn): void {
  const until = Math.min(event.until ?? turn.now, turn.now)
  for (let timer = state.timers.due(until); timer !== undefined; timer = state.timers.due(until)) {
    lapsed[timer.why](state, timer.id, turn)
  }
}

/** When to look at the clock next, and why; null when nothing is to come. Asked after every turn. */
export function nextAlarm(state: State): { readonly at: Millis; readonly why: TimerName } | null {
  return state.timers.next() ?? null
}

function ready(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job?.status !== 'pending' || job.ready_at === null) return
  const detail = job.attempt === 0 ? 'its time has come' : 'its back-off is over'
  if (closedTo(state, job).length > 0) keepJob(state, { ...job, ready_at: null }, turn)
  else move(state, job, 'ready', turn, { by: CLOCK, detail })
}

function unclaimedTooLong(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined || !(isWaiting(job) || isBlocked(job))) return
  move(state, job, 'expire', turn, { by: CLOCK, detail: 'it waited longer than it may' }, {
    error_type: 'QueueTimeout',
    error_message: `This job was not started within ${state.settings.queueTtlMs / 1000} s`,
  })
}

function timedOut(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job?.status !== 'running') return
  halt(state, job, 'expire', turn, { by: CLOCK, detail: 'it ran longer than it may' }, {
    error_type: 'TimeoutError',
    error_message: `Job execution timed out after ${job.timeout_ms / 1000} s`,
  })
}

function stopLapsed(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined || !isStopping(job)) return
  stopped(state, job, turn, { by: CLOCK, detail: `${job.robot_name} did not say in time that it has stopped` })
}

/** What was answered to requests long ago may be forgotten, and what webhooks were told. */
function forget(state: State, turn: Turn): void {
  turn.out.forgetBefore = turn.now - state.settings.idempotencyMs
  if (state.webhooks.size > 0) turn.out.forgetDeliveriesBefore = turn.now - state.settings.deliveryKeptMs
  state.timers.set('store.forget', '', turn.now + state.settings.idempotencyMs / 24)
}
