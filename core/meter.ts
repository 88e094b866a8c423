import { type Bucket, drained, fits, newBucket } from './bucket.ts'
import { say, type Turn } from './effects.ts'
import type { JobId, Millis, RobotId } from './ids.ts'
import { isAssigned, isHeld, isLive, isOffered, isStopping, type JobRow } from './job.ts'
import { recall } from './keep.ts'
import { type CarriedRing, restoredRing, Ring } from './limiter.ts'
import { ABUSE_FACTOR, BURST_SECONDS, LATE_LOG_MS, type Settings } from './limits.ts'
import { linesRefused } from './log.ts'
import { errorMessage } from './protocol/encode.ts'
import type { Message, MessageId, RobotMessage } from './protocol/message.ts'
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
  /** It has sent a result, and its next heartbeat asks whether that is safe. */
  confirms: boolean
  /** The bytes that it has sent. They run out at `robotBytesPerSecond`. */
  readonly sent: Bucket
  /** It has sent too many bytes, and until then it is not let in again. */
  shutUntil: Millis
  /** What was written down of it. */
  readonly disk: Bucket
  /** The last progress of each job that was beyond the limit: acted upon with the next heartbeat. */
  readonly progress: Map<JobId, Message<'job_progress'>>
}

/** A meter, as plain data. Progress that waits is not carried: more will come. */
export interface CarriedMeter extends Omit<Meter, 'ring' | 'progress'> {
  readonly ring: CarriedRing | null
}

/**
 * What becomes of each message beyond the limit. `control` is acted upon all the same: a result that is lost would be a
 * job that is lost. `heartbeat` too, and the robot is told. `telemetry` is merged or dropped.
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

/** The bytes of a registration count so many times. */
const REGISTRATION_FACTOR = 16

/** The least time between two answers of one robot that say it says too much: or the limiter would double the flood. */
const TELL_MS: Millis = 1_000

/** What is done about a message: it is acted upon, left, or its connection is closed for how many there are, or how long. */
export type Weighed = 'act' | 'refused' | Flood
export type Flood = 'messages' | 'bytes'

/** Counts a message of a robot, and says what is to be done about it. */
export function weigh(
  state: State,
  session: Session,
  message: RobotMessage | null,
  id: MessageId | undefined,
  bytes: number,
  turn: Turn,
): Weighed {
  const meter = meterOf(state, session.robot, turn.now)
  if (pour(state.settings, meter, bytes, turn.now)) return 'bytes'
  if (state.settings.robotMessagesMax === 0 || (message !== null && isFree(session, meter, message))) return 'act'
  const open = meter.ring.isOpen(turn.now)
  const kind = CLASSES[message?.type ?? 'garbled']
  if (open || kind !== 'telemetry') meter.ring.count(turn.now)
  if (open) return 'act'
  const wanted = message !== null && isWanted(state, session, message, turn)
  if (kind === 'control' && wanted) return 'act'
  if (!wanted && isAbuse(state, session.robot, meter, turn.now)) return 'messages'
  if (kind === 'control') return 'act'
  tell(state, session, meter, id, turn)
  if (kind === 'heartbeat') return 'act'
  if (message !== null) leaveOut(state, session, message, turn)
  return 'refused'
}

/**
 * Whether so many bytes of a robot may be written down, and counts them if they may: of a job at most half of what there is
 * for its robot, so that one that says very much does not take the room of others.
 */
export function mayWrite(state: State, robot: RobotId, job: Bucket | null, bytes: number, now: Millis): boolean {
  const most = state.settings.robotDiskBytesPerMinute
  if (most === 0) return true
  const { disk } = meterOf(state, robot, now)
  if (!fits(disk, bytes, most, now) || (job !== null && !fits(job, bytes, most / 2, now))) return false
  disk.level += bytes
  if (job !== null) job.level += bytes
  return true
}

/** Has progress wait for the next heartbeat of its robot. By then the job may be in another attempt, of which this says nothing. */
export function postpone(
  state: State,
  session: Session,
  message: Message<'job_progress'>,
  job: JobRow,
  now: Millis,
): void {
  const payload = { ...message.payload, attempt: job.attempt }
  meterOf(state, session.robot, now).progress.set(job.id, { ...message, payload })
}

/** Counts a registration, which comes before there is a session. */
export function weighRegistration(state: State, robot: RobotId, bytes: number, turn: Turn): 'act' | Flood {
  const meter = meterOf(state, robot, turn.now)
  // What it says is written down each time.
  const weight = bytes * REGISTRATION_FACTOR
  if (turn.now < meter.shutUntil || pour(state.settings, meter, weight, turn.now)) return 'bytes'
  if (state.settings.robotMessagesMax === 0) return 'act'
  const open = meter.ring.isOpen(turn.now)
  meter.ring.count(turn.now)
  return !open && isAbuse(state, robot, meter, turn.now) ? 'messages' : 'act'
}

/** What was said too often to be acted upon at once, and has waited for a heartbeat: the last word on each job. */
export function takeProgress(state: State, robot: RobotId): readonly Message<'job_progress'>[] {
  const waiting = state.limiters.robots.get(robot)?.progress
  if (waiting === undefined || waiting.size === 0) return []
  const words = [...waiting.values()]
  waiting.clear()
  return words
}

/** Why a connection is closed, in words for its robot. */
export function floodReason(
  { robotMessagesMax, robotMessagesMs, robotBytesPerSecond }: Settings,
  flood: Flood,
): string {
  return flood === 'messages'
    ? `More than ${ABUSE_FACTOR * robotMessagesMax} messages in ${robotMessagesMs / 1000} s`
    : `More than ${robotBytesPerSecond} bytes a second, and ${BURST_SECONDS} times that at once`
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
  const { ring, progress: _, ...rest } = meter
  return { ...rest, ring: ring.carried(now) }
}

/** The clock was set: what a robot has said is as long ago as it was before. */
export function moveMeter(meter: Meter, by: Millis): void {
  meter.ring.move(by)
  meter.vainSince += by
  meter.toldAt += by
  meter.sent.at += by
  meter.shutUntil += by
  meter.disk.at += by
}

/** A meter as it was before it was carried. */
export function restoreMeter(state: State, robot: RobotId, { ring, ...rest }: CarriedMeter): void {
  const limit = messageLimit(state.settings)
  const restored = ring === null ? new Ring(limit) : restoredRing(limit, ring)
  state.limiters.robots.set(robot, { ...rest, ring: restored, progress: new Map() })
}

function meterOf(state: State, robot: RobotId, now: Millis): Meter {
  let meter = state.limiters.robots.get(robot)
  if (meter === undefined) {
    meter = {
      ring: new Ring(messageLimit(state.settings)),
      vain: 0,
      vainSince: now,
      toldAt: 0,
      confirms: false,
      sent: newBucket(now),
      shutUntil: 0,
      disk: newBucket(now),
      progress: new Map(),
    }
    state.limiters.robots.set(robot, meter)
  }
  return meter
}

/** Puts a frame into the bucket, and says whether it runs over. Half of it must have run out before the robot comes again. */
function pour({ robotBytesPerSecond }: Settings, meter: Meter, bytes: number, now: Millis): boolean {
  if (robotBytesPerSecond === 0) return false
  const { sent } = meter
  sent.level = drained(sent, robotBytesPerSecond * 60, now) + bytes
  if (sent.level <= BURST_SECONDS * robotBytesPerSecond) return false
  meter.shutUntil = now + BURST_SECONDS * 1000 / 2
  return true
}

/**
 * Whether a message is one that we have asked for: an answer to a status request, and the one heartbeat after a result by
 * which a robot learns that it may forget it.
 */
function isFree(session: Session, meter: Meter, { type }: RobotMessage): boolean {
  if (type === 'status_response') return session.answered < session.asked
  const confirming = meter.confirms && type === 'heartbeat'
  if (type === 'heartbeat') meter.confirms = false
  else if (type === 'job_complete' || type === 'job_failed' || type === 'job_cancelled') meter.confirms = true
  return confirming
}

/**
 * Whether a message is this robot's to send now: an answer to its offer, what ends a job that it had, and telemetry of
 * one, also in the moments after its end. Others are counted as vain.
 */
function isWanted(state: State, session: Session, { type, payload }: RobotMessage, turn: Turn): boolean {
  if (type === 'disconnect') return true
  const job = 'job_id' in payload ? recall(state, payload.job_id, turn) : undefined
  if (job === undefined || job.robot_id !== session.robot) return false
  if (type === 'job_accept' || type === 'job_reject') return isOffered(job)
  if (CLASSES[type] === 'control') return isAssigned(job) || isStopping(job) || !isLive(job.status)
  return hasIt(job, turn.now)
}

/** Whether the robot in the row has the job, or had it until a moment ago. */
function hasIt(job: JobRow, now: Millis): boolean {
  return isHeld(job) || (!isLive(job.status) && now - (job.completed_at ?? 0) <= LATE_LOG_MS)
}

/**
 * One more in vain. Counted by whole windows: it is for floods, which do not end with one. A robot with jobs is left its
 * connection, whatever it says: with it the results of its jobs would be lost.
 */
function isAbuse(state: State, robot: RobotId, meter: Meter, now: Millis): boolean {
  const { settings, held } = state
  if (held.has(robot)) return false
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

/** Of progress the last word is kept for the next heartbeat. Lines are missed in the log: how many is told in it. */
function leaveOut(state: State, session: Session, message: RobotMessage, turn: Turn): void {
  const job = 'job_id' in message.payload ? recall(state, message.payload.job_id, turn) : undefined
  if (job === undefined || job.robot_id !== session.robot) return
  if (message.type === 'job_progress') {
    const { attempt } = message.payload
    // Without an attempt it may be about an earlier one.
    const current = attempt === undefined ? !session.barred.has(job.id) : attempt === job.attempt
    if (isAssigned(job) && current) postpone(state, session, message, job, turn.now)
  } else if (message.type === 'log_batch') linesRefused(state, job, message.payload.entries.length, turn)
  else if (message.type === 'log_entry') linesRefused(state, job, 1, turn)
}
