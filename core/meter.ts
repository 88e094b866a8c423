import { say, type Turn } from './effects.ts'
import type { Millis, RobotId } from './ids.ts'
import { isAssigned, isLive, isOffered, isStopping } from './job.ts'
import { type CarriedRing, restoredRing, Ring } from './limiter.ts'
import { ABUSE_FACTOR, type Settings } from './limits.ts'
import { errorMessage } from './protocol/encode.ts'
import type { MessageId, RobotMessage } from './protocol/message.ts'
import { messageLimit, overRate } from './rate.ts'
import type { Session, State } from './state.ts'

/** How much a robot has said, over all its connections. */
export interface Meter {
  /** What was acted upon. */
  readonly ring: Ring
  /** Messages beyond the limit that nobody needed, and since when they have been counted. */
  vain: number
  vainSince: Millis
  /** When it was last told that it says too much. */
  toldAt: Millis
}

/** A meter, as plain data. */
export interface CarriedMeter extends Pick<Meter, 'vain' | 'vainSince' | 'toldAt'> {
  readonly ring: CarriedRing | null
}

/**
 * What becomes of each message beyond the limit. `control` is acted upon all the same: a result that is lost would be a
 * job that is lost. `heartbeat` too, and the robot is told. `telemetry` is refused.
 */
const CLASSES: { readonly [T in RobotMessage['type'] | 'garbled']: 'control' | 'heartbeat' | 'telemetry' } = {
  register: 'control',
  disconnect: 'control',
  status_response: 'control',
  error: 'control',
  job_accept: 'control',
  job_reject: 'control',
  job_complete: 'control',
  job_failed: 'control',
  job_cancelled: 'control',
  heartbeat: 'heartbeat',
  job_progress: 'telemetry',
  log_entry: 'telemetry',
  log_batch: 'telemetry',
  // A frame that is no message at all.
  garbled: 'telemetry',
}

/** The least time between two answers of one robot that say it says too much: or the limiter would double the flood. */
const TELL_MS: Millis = 1_000

/**
 * Counts a message of a robot, and says what is to be done about it: `act` on it, leave it `refused`, or, where it is one
 * of far too many, close the connection for `abuse`.
 */
export function weigh(
  state: State,
  session: Session,
  message: RobotMessage | null,
  id: MessageId | undefined,
  turn: Turn,
): 'act' | 'refused' | 'abuse' {
  if (state.settings.robotMessagesMax === 0) return 'act'
  const meter = meterOf(state, session.robot, turn.now)
  const open = meter.ring.isOpen(turn.now)
  const kind = CLASSES[message?.type ?? 'garbled']
  if (open || kind !== 'telemetry') meter.ring.count(turn.now)
  if (open) return 'act'
  if (kind === 'control' && (message === null || isNeeded(state, session, message))) return 'act'
  if (isAbuse(state, meter, turn.now)) return 'abuse'
  if (kind === 'control') return 'act'
  tell(state, session, meter, id, turn)
  if (kind === 'heartbeat') return 'act'
  if (message !== null) noteLines(state, session, message)
  return 'refused'
}

/** Counts a registration, which comes before there is a session. Whether it is one of far too many. */
export function weighRegistration(state: State, robot: RobotId, turn: Turn): 'act' | 'abuse' {
  if (state.settings.robotMessagesMax === 0) return 'act'
  const meter = meterOf(state, robot, turn.now)
  const open = meter.ring.isOpen(turn.now)
  meter.ring.count(turn.now)
  return !open && isAbuse(state, meter, turn.now) ? 'abuse' : 'act'
}

/**
 * What a robot is told at its registration, so that it need not be refused anything: the limit, and how often each of its
 * jobs may report progress and send lines for that to take seven tenths of it. The rest is for control and heartbeats.
 */
export function configOf({ robotMessagesMax, robotMessagesMs }: Settings, slots: number): {
  readonly rate_limit?: { readonly limit: number; readonly window_seconds: number }
  readonly progress_min_interval_ms?: number
} {
  if (robotMessagesMax === 0) return {}
  return {
    rate_limit: { limit: robotMessagesMax, window_seconds: robotMessagesMs / 1000 },
    progress_min_interval_ms: Math.ceil((2 * Math.max(1, slots) * robotMessagesMs) / (0.7 * robotMessagesMax)),
  }
}

/** What a meter has counted, to be carried; null when there is nothing that matters any more. */
export function carriedMeter(state: State, robot: RobotId, now: Millis): CarriedMeter | null {
  const meter = state.limiters.robots.get(robot)
  if (meter === undefined) return null
  const { vain, vainSince, toldAt } = meter
  return { vain, vainSince, toldAt, ring: meter.ring.carried(now) }
}

/** A meter as it was before it was carried. */
export function restoreMeter(state: State, robot: RobotId, { ring, ...rest }: CarriedMeter): void {
  const limit = messageLimit(state.settings)
  state.limiters.robots.set(robot, { ...rest, ring: ring === null ? new Ring(limit) : restoredRing(limit, ring) })
}

function meterOf(state: State, robot: RobotId, now: Millis): Meter {
  let meter = state.limiters.robots.get(robot)
  if (meter === undefined) {
    meter = { ring: new Ring(messageLimit(state.settings)), vain: 0, vainSince: now, toldAt: 0 }
    state.limiters.robots.set(robot, meter)
  }
  return meter
}

/** Whether a control message is about something that is this robot's to say now. Others are counted as vain. */
function isNeeded(state: State, session: Session, { type, payload }: RobotMessage): boolean {
  if (type === 'status_response') return session.answered < session.asked
  if (type === 'disconnect') return true
  const job = 'job_id' in payload ? state.jobs.get(payload.job_id) : undefined
  if (job === undefined || job.robot_id !== session.robot) return false
  return type === 'job_accept' || type === 'job_reject' ? isOffered(job) : isAssigned(job) || isStopping(job)
}

/** One more in vain. Counted by whole windows: it is for floods, which do not end with one. */
function isAbuse({ settings }: State, meter: Meter, now: Millis): boolean {
  if (now - meter.vainSince >= settings.robotMessagesMs) {
    meter.vainSince = now
    meter.vain = 0
  }
  return ++meter.vain > (ABUSE_FACTOR - 1) * settings.robotMessagesMax
}

function tell(state: State, session: Session, meter: Meter, id: MessageId | undefined, turn: Turn): void {
  const quota = meter.ring.quota(turn.now)
  if (quota === null || turn.now - meter.toldAt < TELL_MS) return
  meter.toldAt = turn.now
  say(turn, session.socket, errorMessage(overRate('messages', messageLimit(state.settings), quota), id))
}

/** Lines that were refused are missed in the log: how many is told at its end. */
function noteLines(state: State, session: Session, { type, payload }: RobotMessage): void {
  if (type !== 'log_batch' && type !== 'log_entry') return
  const job = state.jobs.get(payload.job_id)
  if (job === undefined || job.robot_id !== session.robot || !isLive(job.status)) return
  const count = state.logs.get(job.id) ?? { kept: 0, dropped: 0, refused: 0 }
  count.refused += type === 'log_batch' ? payload.entries.length : 1
  state.logs.set(job.id, count)
}
