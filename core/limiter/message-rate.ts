import { type Bucket, bucketLevel, fitsBucket, newBucket } from '../base/bucket.ts'
import { findJob, send, type Turn } from '../turn.ts'
import type { Millis, RobotId } from '../base/ids.ts'
import { isAssigned, isHeld, isLive, isOffered, isStopping, type JobRow } from '../records/job.ts'
import { isCurrent } from '../records/offer.ts'
import { restoreWindow, SlidingWindow, type WindowSnapshot } from '../base/sliding-window.ts'
import { ABUSE_FACTOR, BURST_SECONDS, LATE_LOG_MS, type Settings } from '../settings.ts'
import { errorMessage } from '../protocol/encode.ts'
import type { Message, MessageId, RobotMessage } from '../protocol/message.ts'
import { messageLimit, rateLimited } from './rates.ts'
import type { State } from '../state.ts'
import type { MessageRate, Session } from '../session.ts'
import { countRefusedLines } from './log-count.ts'

/** The same as plain data. Waiting progress is not included: more will come. */
export interface MessageRateSnapshot extends Omit<MessageRate, 'window' | 'progress'> {
  readonly window: WindowSnapshot | null
}

/**
 * The treatment of messages beyond the limit. `control` is processed nevertheless, since a lost result would be a lost
 * job. `heartbeat` too, with a warning to the robot. `telemetry` is merged or dropped.
 */
const CLASSES: { readonly [T in RobotMessage['type'] | 'malformed']: 'control' | 'heartbeat' | 'telemetry' } = {
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
  // A frame that is not a valid message.
  malformed: 'telemetry',
}

/** Messages that answer an offer, or end its job. */
const REPLIES: ReadonlySet<RobotMessage['type']> = new Set([
  'job_accept',
  'job_reject',
  'job_complete',
  'job_failed',
  'job_cancelled',
])
/** The answer to an offer, and the end of the job. */
const REPLIES_PER_OFFER = 2

/** The bytes of a registration count this many times. */
const REGISTRATION_FACTOR = 16

/**
 * The minimum interval between two warnings to a robot about its rate; otherwise the limiter would double the flood.
 */
const WARN_INTERVAL_MS: Millis = 1_000

/**
 * The treatment of a message: process it, drop it, or close the connection for the number or the size of its messages.
 */
export type MessageVerdict = 'act' | 'refused' | Flood
export type Flood = 'messages' | 'bytes'

/** Counts a message of a robot, and decides its treatment. */
export function countMessage(
  state: State,
  session: Session,
  message: RobotMessage | null,
  id: MessageId | undefined,
  bytes: number,
  turn: Turn,
): MessageVerdict {
  const rate = messageRateOf(state, session.robot, turn.now)
  if (addBytes(state.settings, rate, bytes, turn.now)) return 'bytes'
  if (state.settings.robotMessagesMax === 0 || (message !== null && isFree(session, rate, message))) return 'act'
  const open = rate.window.isOpen(turn.now)
  const messageClass = CLASSES[message?.type ?? 'malformed']
  if (open || messageClass !== 'telemetry') rate.window.count(turn.now)
  if (open) return 'act'
  const wanted = message !== null && isWanted(state, session, message, turn)
  if (messageClass === 'control' && wanted) return 'act'
  if (!wanted && isAbuse(state, session.robot, rate, turn.now)) return 'messages'
  if (messageClass === 'control') return 'act'
  warnRobot(state, session, rate, id, turn)
  if (messageClass === 'heartbeat') return 'act'
  if (message !== null) leaveOut(state, session, message, turn)
  return 'refused'
}

/**
 * Returns true, and counts the bytes, if they may be written for a robot. One job may use at most half of its robot's
 * allowance, so that it does not take the room of others.
 */
export function mayWrite(state: State, robot: RobotId, job: Bucket | null, bytes: number, now: Millis): boolean {
  const most = state.settings.robotDiskBytesPerMinute
  if (most === 0) return true
  const { disk } = messageRateOf(state, robot, now)
  if (!fitsBucket(disk, bytes, most, now) || (job !== null && !fitsBucket(job, bytes, most / 2, now))) return false
  disk.level += bytes
  if (job !== null) job.level += bytes
  return true
}

/** Defers progress until the next heartbeat of its robot. If the job has another offer by then, it is dropped. */
export function postponeProgress(
  state: State,
  session: Session,
  message: Message<'job_progress'>,
  job: JobRow,
  now: Millis,
): void {
  const payload = { ...message.payload, offer: job.offer }
  messageRateOf(state, session.robot, now).progress.set(job.id, { ...message, payload })
}

/** Counts a registration, which comes before there is a session. */
export function countRegistration(state: State, robot: RobotId, bytes: number, turn: Turn): 'act' | Flood {
  const rate = messageRateOf(state, robot, turn.now)
  // Its content is written each time.
  const weight = bytes * REGISTRATION_FACTOR
  if (turn.now < rate.blockedUntil || addBytes(state.settings, rate, weight, turn.now)) return 'bytes'
  if (state.settings.robotMessagesMax === 0) return 'act'
  const open = rate.window.isOpen(turn.now)
  rate.window.count(turn.now)
  return !open && isAbuse(state, robot, rate, turn.now) ? 'messages' : 'act'
}

/** Lets the replies to one offer come without being counted. */
export function expectReplies(state: State, robot: RobotId, now: Millis): void {
  if (state.settings.robotMessagesMax > 0) messageRateOf(state, robot, now).expected += REPLIES_PER_OFFER
}

/** Removes and returns the deferred progress: the latest of each job. */
export function takeProgress(state: State, robot: RobotId): readonly Message<'job_progress'>[] {
  const waiting = state.limiters.robots.get(robot)?.progress
  if (waiting === undefined || waiting.size === 0) return []
  const words = [...waiting.values()]
  waiting.clear()
  return words
}

/** The reason of a disconnection, in words for the robot. */
export function floodReason(
  { robotMessagesMax, robotMessagesMs, robotBytesPerSecond }: Settings,
  flood: Flood,
): string {
  return flood === 'messages'
    ? `More than ${ABUSE_FACTOR * robotMessagesMax} messages in ${robotMessagesMs / 1000} s`
    : `More than ${robotBytesPerSecond} bytes a second, and ${BURST_SECONDS} times that at once`
}

/**
 * The limits that a robot gets at its registration, so that it can avoid refusals: the message limit, and the intervals
 * of progress and log batches per job with which these take seven tenths of it. The rest is for control messages and
 * heartbeats.
 */
export function rateLimitConfig({ robotMessagesMax, robotMessagesMs }: Settings, slots: number): {
  readonly rate_limit?: { readonly limit: number; readonly window_seconds: number }
  readonly progress_min_interval_ms?: number
} {
  if (robotMessagesMax === 0) return {}
  return {
    rate_limit: { limit: robotMessagesMax, window_seconds: robotMessagesMs / 1000 },
    progress_min_interval_ms: Math.ceil((2 * Math.max(1, slots) * robotMessagesMs) / (0.7 * robotMessagesMax)),
  }
}

/** A snapshot of a robot's message rate; null if nothing in it matters any more. */
export function messageRateSnapshot(state: State, robot: RobotId, now: Millis): MessageRateSnapshot | null {
  const rate = state.limiters.robots.get(robot)
  if (rate === undefined) return null
  const { window, progress: _, ...rest } = rate
  return { ...rest, window: window.snapshot(now) }
}

/** Moves the counted instants after the clock was set, so that their ages stay. */
export function shiftMessageRate(rate: MessageRate, by: Millis): void {
  rate.window.shift(by)
  rate.excessSince += by
  rate.warnedAt += by
  rate.sent.at += by
  rate.blockedUntil += by
  rate.disk.at += by
}

/** Restores a robot's message rate from a snapshot. */
export function restoreMessageRate(state: State, robot: RobotId, { window, ...rest }: MessageRateSnapshot): void {
  const limit = messageLimit(state.settings)
  const restored = window === null ? new SlidingWindow(limit) : restoreWindow(limit, window)
  state.limiters.robots.set(robot, { ...rest, window: restored, progress: new Map() })
}

function messageRateOf(state: State, robot: RobotId, now: Millis): MessageRate {
  let rate = state.limiters.robots.get(robot)
  if (rate === undefined) {
    rate = {
      window: new SlidingWindow(messageLimit(state.settings)),
      excess: 0,
      excessSince: now,
      warnedAt: 0,
      confirms: false,
      expected: 0,
      sent: newBucket(now),
      blockedUntil: 0,
      disk: newBucket(now),
      progress: new Map(),
    }
    state.limiters.robots.set(robot, rate)
  }
  return rate
}

/** Adds a frame to the bucket. Returns true if it overflows: half of it must drain before the robot may return. */
function addBytes({ robotBytesPerSecond }: Settings, rate: MessageRate, bytes: number, now: Millis): boolean {
  if (robotBytesPerSecond === 0) return false
  const { sent } = rate
  sent.level = bucketLevel(sent, robotBytesPerSecond * 60, now) + bytes
  if (sent.level <= BURST_SECONDS * robotBytesPerSecond) return false
  rate.blockedUntil = now + BURST_SECONDS * 1000 / 2
  return true
}

/**
 * True for a requested message, which does not count: the replies to an offer, the answer to a status request, and the
 * one heartbeat after a result whose answer confirms it.
 */
function isFree(session: Session, rate: MessageRate, { type }: RobotMessage): boolean {
  if (type === 'status_response') return session.statusResponses < session.statusRequests
  if (type === 'heartbeat') {
    const confirming = rate.confirms
    rate.confirms = false
    return confirming
  }
  if (!REPLIES.has(type)) return false
  if (type !== 'job_accept' && type !== 'job_reject') rate.confirms = true
  if (rate.expected === 0) return false
  rate.expected--
  return true
}

/**
 * True if a message fits the robot's present state: an answer to its offer, the end of its job, and telemetry of its
 * job, also shortly after the end. Others count as unwanted.
 */
function isWanted(state: State, session: Session, { type, payload }: RobotMessage, turn: Turn): boolean {
  if (type === 'disconnect') return true
  const job = 'job_id' in payload ? findJob(state, payload.job_id, turn) : undefined
  if (job === undefined || job.robot_id !== session.robot) return false
  if (type === 'job_accept' || type === 'job_reject') return isOffered(job)
  if (CLASSES[type] === 'control') return isAssigned(job) || isStopping(job) || !isLive(job.status)
  return hasIt(job, turn.now)
}

/** True if the robot in the row has the job, or had it until a moment ago. */
function hasIt(job: JobRow, now: Millis): boolean {
  return isHeld(job) || (!isLive(job.status) && now - (job.completed_at ?? 0) <= LATE_LOG_MS)
}

/**
 * Counts an unwanted message, and returns true if there are too many. Counts by whole windows, because a flood lasts
 * longer than one. A robot with jobs keeps its connection in any case, since the results of its jobs would be lost with
 * it.
 */
function isAbuse(state: State, robot: RobotId, rate: MessageRate, now: Millis): boolean {
  const { settings, held } = state
  if (held.has(robot)) return false
  if (now - rate.excessSince >= settings.robotMessagesMs) {
    rate.excessSince = now
    rate.excess = 0
  }
  return ++rate.excess > (ABUSE_FACTOR - 1) * settings.robotMessagesMax
}

function warnRobot(state: State, session: Session, rate: MessageRate, id: MessageId | undefined, turn: Turn): void {
  const quota = rate.window.quota(turn.now)
  if (quota === null || turn.now - rate.warnedAt < WARN_INTERVAL_MS) return
  rate.warnedAt = turn.now
  send(turn, session.socket, errorMessage(rateLimited('messages', messageLimit(state.settings), quota), id))
}

/**
 * Handles dropped telemetry: the latest progress is kept for the next heartbeat, and missing log lines are counted for
 * the log.
 */
function leaveOut(state: State, session: Session, message: RobotMessage, turn: Turn): void {
  const job = 'job_id' in message.payload ? findJob(state, message.payload.job_id, turn) : undefined
  if (job === undefined || job.robot_id !== session.robot) return
  if (message.type === 'job_progress') {
    // Without the number of its offer it may be about an earlier one.
    const certain = message.payload.offer !== undefined || !session.excluded.has(job.id)
    if (isAssigned(job) && certain && isCurrent(job, message.payload)) {
      postponeProgress(state, session, message, job, turn.now)
    }
  } else if (message.type === 'log_batch') countRefusedLines(state, job, message.payload.entries.length, turn)
  else if (message.type === 'log_entry') countRefusedLines(state, job, 1, turn)
}
