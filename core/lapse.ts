import type { Turn } from './effects.ts'
import { leaseExpired, registrationExpired } from './connection.ts'
import { requestExpired } from './delivery.ts'
import type { JobId, Millis, RobotId, ScheduleId, SocketId, WebhookId } from './ids.ts'
import { blockedBy } from './gate.ts'
import { isBlocked, isStopping, isWaiting } from './job.ts'
import { saveJob } from './keep.ts'
import { closeLateLog } from './log.ts'
import { slotReleased, stopJob, transition } from './move.ts'
import { scheduleDue } from './occurrence.ts'
import { exclusionExpired, offerExpired } from './offers.ts'
import { robotLost } from './reconcile.ts'
import { cooldownOver } from './robot.ts'
import { statusExpired } from './control.ts'
import type { State } from './state.ts'
import type { TimerName } from './timers.ts'

/** Whoever acts when nobody does. */
const ORCHESTRATOR = 'orchestrator'

type OnTimer = (state: State, id: string, turn: Turn) => void

/** What each deadline means when it has come. Ids carry their kind in the timer's name. */
const ON_TIMER: { readonly [T in TimerName]: OnTimer } = {
  'job.ready': (state, id, turn) => becomeReady(state, id as JobId, turn),
  'job.queue-timeout': (state, id, turn) => queueTimeoutExpired(state, id as JobId, turn),
  'job.offer': (state, id, turn) => offerExpired(state, id as JobId, turn),
  'job.timeout': (state, id, turn) => jobTimeoutExpired(state, id as JobId, turn),
  'job.stop': (state, id, turn) => stopExpired(state, id as JobId, turn),
  'schedule.due': (state, id, turn) => scheduleDue(state, id as ScheduleId, turn),
  'robot.lease': (state, id, turn) => leaseExpired(state, id as RobotId, turn),
  'robot.lost': (state, id, turn) => robotLost(state, id as RobotId, turn),
  'robot.cooldown': (state, id) => cooldownOver(state, id as RobotId),
  'robot.exclusion': (state, id) => exclusionExpired(state, id),
  'robot.conflict': (state, id) => void state.takeovers.delete(id as RobotId),
  'log.close': (state, id, turn) => closeLateLog(state, id as JobId, turn),
  'robot.status': (state, id, turn) => statusExpired(state, id as RobotId, turn),
  'socket.registration': (state, id, turn) => registrationExpired(state, id as SocketId, turn),
  // The event that found it due has moved it already.
  'store.horizon': () => {},
  'store.forget': (state, _id, turn) => forgetOldReplies(state, turn),
  'webhook.due': (state, id) => void state.deliveries.ready.add(id as WebhookId),
  'webhook.request': (state, id, turn) => requestExpired(state, id, turn),
  // The event that found it due has them already.
  'webhook.page': () => {},
}

/**
 * The clock is looked at: every deadline that has come is acted upon, the earliest first. `until` is an instant up to which
 * everything that had arrived has been read: later deadlines may have been met by what nobody has read yet.
 */
export function runTimers(state: State, event: { readonly until?: Millis }, turn: Turn): void {
  const until = Math.min(event.until ?? turn.now, turn.now)
  for (let timer = state.timers.due(until); timer !== undefined; timer = state.timers.due(until)) {
    ON_TIMER[timer.why](state, timer.id, turn)
  }
}

/** When to look at the clock next, and why; null when nothing is to come. Asked after every turn. */
export function nextAlarm(state: State): { readonly at: Millis; readonly why: TimerName } | null {
  return state.timers.next() ?? null
}

function becomeReady(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job?.status !== 'pending' || job.ready_at === null) return
  const detail = job.attempt === 0 ? 'its time has come' : 'its back-off is over'
  if (blockedBy(state, job).length > 0) saveJob(state, { ...job, ready_at: null }, turn)
  else transition(state, job, 'ready', turn, { by: ORCHESTRATOR, detail })
}

function queueTimeoutExpired(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined || !(isWaiting(job) || isBlocked(job))) return
  transition(state, job, 'expire', turn, { by: ORCHESTRATOR, detail: 'it waited longer than it may' }, {
    error_type: 'QueueTimeout',
    error_message: `This job was not started within ${state.settings.queueTtlMs / 1000} s`,
  })
}

function jobTimeoutExpired(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job?.status !== 'running') return
  stopJob(state, job, 'expire', turn, { by: ORCHESTRATOR, detail: 'it ran longer than it may' }, {
    error_type: 'TimeoutError',
    error_message: `Job execution timed out after ${job.timeout_ms / 1000} s`,
  })
}

function stopExpired(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined || !isStopping(job)) return
  slotReleased(state, job, turn, {
    by: ORCHESTRATOR,
    detail: `${job.robot_name} did not say in time that it has stopped`,
  })
}

/** What was answered to requests long ago may be forgotten, and what webhooks were told. */
function forgetOldReplies(state: State, turn: Turn): void {
  turn.out.forgetBefore = turn.now - state.settings.idempotencyMs
  if (state.webhooks.size > 0) turn.out.forgetDeliveriesBefore = turn.now - state.settings.deliveryKeptMs
  state.timers.set('store.forget', '', turn.now + state.settings.idempotencyMs / 24)
}
