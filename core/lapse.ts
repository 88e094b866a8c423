import type { Turn } from './effects.ts'
import { say } from './effects.ts'
import type { JobId, Millis, RobotId, SocketId } from './ids.ts'
import { isWaiting } from './job.ts'
import { move } from './move.ts'
import { barLapsed, offerLapsed, robotLost } from './reconcile.ts'
import { rested, silent, unregistered } from './robot.ts'
import type { State } from './state.ts'
import type { TimerName } from './timers.ts'

type Lapsed = (state: State, id: string, turn: Turn) => void

/** What each deadline means when it has come. Ids carry their kind in the timer's name. */
const lapsed: { readonly [T in TimerName]: Lapsed } = {
  'job.ready': (state, id, turn) => ready(state, id as JobId, turn),
  'job.unclaimed': (state, id, turn) => unclaimedTooLong(state, id as JobId, turn),
  'job.offer': (state, id, turn) => offerLapsed(state, id as JobId, turn),
  'job.timeout': (state, id, turn) => timedOut(state, id as JobId, turn),
  'robot.silent': (state, id, turn) => silent(state, id as RobotId, turn),
  'robot.lost': (state, id, turn) => robotLost(state, id as RobotId, turn),
  'robot.rest': (state, id) => rested(state, id as RobotId),
  'robot.barred': (state, id) => barLapsed(state, id),
  'socket.unregistered': (state, id, turn) => unregistered(state, id as SocketId, turn),
}

/** The clock is looked at: every deadline that has come is acted upon, the earliest first. */
export function lapse(state: State, _event: unknown, turn: Turn): void {
  for (let timer = state.timers.due(turn.now); timer !== undefined; timer = state.timers.due(turn.now)) {
    lapsed[timer.why](state, timer.id, turn)
  }
}

/** When to look at the clock next, and why; null when nothing is to come. Asked after every turn. */
export function nextAlarm(state: State): { readonly at: Millis; readonly why: TimerName } | null {
  return state.timers.next() ?? null
}

function ready(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job?.status !== 'pending') return
  move(state, job, 'ready', turn, job.attempt === 0 ? 'its time has come' : 'its back-off is over')
}

function unclaimedTooLong(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined || !isWaiting(job)) return
  move(state, job, 'expire', turn, 'no robot took it in time', {
    error_type: 'QueueTimeout',
    error_message: `No robot took this job within ${state.settings.queueTtlMs / 1000} s`,
  })
}

function timedOut(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job?.status !== 'running') return
  const error_message = `Job execution timed out after ${job.timeout_ms / 1000} s`
  move(state, job, 'expire', turn, 'it ran longer than it may', { error_type: 'TimeoutError', error_message })
  const session = job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
  if (session !== undefined) {
    say(turn, session.socket, { type: 'job_cancel', payload: { job_id: id, reason: error_message } })
  }
}
