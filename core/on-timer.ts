import type { Turn } from './turn.ts'
import { registrationExpired } from './robots/connection.ts'
import { requestExpired } from './webhooks/results.ts'
import type { JobId, Millis, RobotId, ScheduleId, SocketId, TriggerId, WebhookId } from './base/ids.ts'
import { closeLateLog } from './robots/logs.ts'
import { scheduleDue } from './scheduler/runs.ts'
import { cooldownOver, exclusionExpired, offerExpired } from './robots/offers.ts'
import { robotLost } from './robots/reconcile.ts'
import { statusExpired } from './robots/commands.ts'
import type { State } from './state.ts'
import type { TimerName } from './timers.ts'
import { becomeReady, jobTimeoutExpired, queueTimeoutExpired, stopExpired } from './jobs/expiry.ts'
import { saveSkips } from './triggers/save.ts'
import { leaseExpired } from './robots/heartbeat.ts'

type OnTimer = (state: State, id: string, turn: Turn) => void

/** The action for each deadline. The timer's name determines the type of its id. */
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
  // The event that found it due has added them already.
  'webhook.page': () => {},
  'trigger.skips': (state, id, turn) => saveSkips(state, id as TriggerId, turn),
}

/**
 * Runs every deadline that is due, earliest first. `until` is an instant up to which everything that had arrived was
 * read: a later deadline may have been met by a message that is not read yet.
 */
export function runTimers(state: State, event: { readonly until?: Millis }, turn: Turn): void {
  const until = Math.min(event.until ?? turn.now, turn.now)
  for (let timer = state.timers.due(until); timer !== undefined; timer = state.timers.due(until)) {
    ON_TIMER[timer.why](state, timer.id, turn)
  }
}

/** The next deadline, and the reason for it; null if there is none. Called after every turn. */
export function nextAlarm(state: State): { readonly at: Millis; readonly why: TimerName } | null {
  return state.timers.next() ?? null
}

/** Discards old answers to requests and old deliveries. */
function forgetOldReplies(state: State, turn: Turn): void {
  turn.out.forgetBefore = turn.now - state.settings.idempotencyMs
  if (state.webhooks.size > 0) turn.out.forgetDeliveriesBefore = turn.now - state.settings.deliveryKeptMs
  state.timers.set('store.forget', '', turn.now + state.settings.idempotencyMs / 24)
}
