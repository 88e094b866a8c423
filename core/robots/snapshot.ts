import { isStillAllowed } from '../access/authorize.ts'
import type { JobId, KeyId, Millis, RobotId, SecretHash, SocketId } from '../base/ids.ts'
import { setTakeovers } from './conflict.ts'
import { resetDeadlines } from '../jobs/save.ts'
import { type MessageRateSnapshot, messageRateSnapshot, restoreMessageRate } from '../limiter/message-rate.ts'
import { exclusionTimer } from './offers.ts'
import { indexRobot } from '../queue/matching.ts'
import { addUnregistered } from './unregistered.ts'
import type { State } from '../state.ts'
import type { Report } from '../records/robot.ts'
import type { Session, Socket, Takeovers } from '../session.ts'

/**
 * Snapshots of sockets. An object can be evicted while its sockets stay open. So each socket stores a snapshot of its
 * session, rewritten in every turn that changed it: after waking, the orchestrator still recognises late messages and
 * answers.
 */
interface SocketSnapshot {
  readonly version: typeof VERSION
  readonly socket: SocketId
  readonly credential: SecretHash | null
  readonly onlyRobot: RobotId | null
  /** Absent in snapshots of an earlier version. */
  readonly network?: string | null
  /** The deadline for its registration; null once a robot has registered. */
  readonly registerBy: Millis | null
  readonly session: SessionSnapshot | null
}

/** A session, as plain data. */
interface SessionSnapshot extends
  Pick<
    Session,
    | 'since'
    | 'lastFrameAt'
    | 'idleSince'
    | 'paused'
    | 'foreignLoad'
    | 'lastOffer'
    | 'refusals'
    | 'statusRequests'
    | 'statusResponses'
    | 'memory'
  > {
  readonly robot: RobotId
  readonly key: KeyId | null
  readonly cooldownUntil: Millis | null
  /** Without values of unbounded size; the next report replaces it. */
  readonly reported: Report | null
  readonly missing: readonly JobId[]
  readonly offers: readonly (readonly [JobId, number | null])[]
  readonly foreignJobs: readonly JobId[]
  /** The used part of its message limit. */
  readonly messageRate: MessageRateSnapshot | null
  readonly takeovers: Takeovers | null
  readonly lateResults: readonly JobId[]
  /** Hashes of the last messages with log lines, so that a repeated one is not stored twice. */
  readonly logMessages: readonly number[]
  /** For a job that it refused: the end of the exclusion. */
  readonly excluded: readonly (readonly [JobId, 'refused' | number, Millis | null])[]
}

/** Increased whenever an older snapshot would be misread. */
const VERSION = 6

/** The limit of a snapshot: a platform stores 16 KiB with a socket, and may use two bytes per character. */
const CHARS_MAX = 8_000

/** The number of late results in a snapshot; the last ones are kept. */
const LATE_KEPT = 50

/** The number of foreign jobs in a snapshot; more are only counted. */
const FOREIGN_JOBS_KEPT = 50

/** The number of messages with log lines in a snapshot. */
const LOG_MESSAGES_KEPT = 32

/**
 * The snapshot of a socket as text; null if it could not be restored: it is closing, or there is too much to remember.
 * Such a socket has to be closed after hibernation, and its robot reconnects.
 */
export function snapshotOf(state: State, id: SocketId): string | null {
  const socket = state.sockets.get(id)
  if (socket === undefined || socket.closing) return null
  const registerBy = state.timers.at('socket.registration', id)
  const snapshot: SocketSnapshot = {
    version: VERSION,
    socket: id,
    credential: socket.credential,
    onlyRobot: socket.onlyRobot,
    network: socket.network,
    registerBy: registerBy === Infinity ? null : registerBy,
    session: socket.robot === null ? null : sessionSnapshot(state, socket, socket.robot),
  }
  const text = JSON.stringify(snapshot)
  return text.length > CHARS_MAX ? null : text
}

function sessionSnapshot(state: State, socket: Socket, robot: RobotId): SessionSnapshot | null {
  const session = state.sessions.get(robot)
  if (session === undefined) return null
  const {
    since,
    lastFrameAt,
    idleSince,
    paused,
    lastOffer,
    refusals,
    reported,
    statusRequests,
    statusResponses,
    lateResults,
    memory,
  } = session
  const few = session.foreignJobs.size <= FOREIGN_JOBS_KEPT
  return {
    robot,
    key: socket.key,
    since,
    lastFrameAt,
    idleSince,
    paused,
    cooldownUntil: session.coolingDown ? state.timers.at('robot.cooldown', robot) : null,
    lastOffer,
    refusals,
    reported: reported === null ? null : { ...reported, system_info: {}, active_job_ids: null },
    statusRequests,
    statusResponses,
    missing: [...session.missing],
    offers: [...session.offers],
    memory,
    foreignJobs: few ? [...session.foreignJobs] : [],
    foreignLoad: session.foreignLoad + (few ? 0 : session.foreignJobs.size),
    messageRate: rateSnapshot(state, robot, lastFrameAt),
    takeovers: state.takeovers.get(robot) ?? null,
    lateResults: [...lateResults].slice(-LATE_KEPT),
    logMessages: [...state.logMessages.get(robot) ?? []].slice(-LOG_MESSAGES_KEPT),
    excluded: [...session.excluded].map(([job, why]) =>
      [job, why, why === 'refused' ? state.timers.at('robot.exclusion', exclusionTimer(session, job)) : null] as const
    ),
  }
}

/**
 * The number of instants in a snapshot. A limit may be set so high that its use does not fit; then counting starts anew
 * after hibernation.
 */
const WINDOW_KEPT = 250

function rateSnapshot(state: State, robot: RobotId, now: Millis): MessageRateSnapshot | null {
  return state.settings.robotMessagesMax > WINDOW_KEPT ? null : messageRateSnapshot(state, robot, now)
}

/** Restores a socket and its session. Returns false if the text cannot be restored: the socket must be closed. */
export function restoreSocket(state: State, text: string): boolean {
  const snapshot = JSON.parse(text) as SocketSnapshot | null
  if (snapshot?.version !== VERSION) return false
  const { socket: id, credential, onlyRobot, network = null, registerBy, session } = snapshot
  if (session !== null && !isRestorable(state, session)) return false
  const socket: Socket = {
    id,
    credential,
    onlyRobot,
    network,
    robot: session?.robot ?? null,
    key: session?.key ?? null,
    closing: false,
  }
  state.sockets.set(id, socket)
  if (registerBy !== null) state.timers.set('socket.registration', id, registerBy)
  if (session === null) addUnregistered(state, socket)
  else restoreSession(state, id, session)
  return true
}

/** True if the robot is on record, has no other connection, and its key was not revoked meanwhile. */
function isRestorable(state: State, { robot, key }: SessionSnapshot): boolean {
  return state.robots.has(robot) && !state.sessions.has(robot) && isStillAllowed(state, key, robot)
}

function restoreSession(state: State, socket: SocketId, saved: SessionSnapshot): void {
  const session: Session = {
    robot: saved.robot,
    socket,
    since: saved.since,
    lastFrameAt: saved.lastFrameAt,
    idleSince: saved.idleSince,
    paused: saved.paused,
    coolingDown: saved.cooldownUntil !== null,
    lastOffer: saved.lastOffer,
    refusals: saved.refusals,
    reported: saved.reported,
    foreignJobs: new Set(saved.foreignJobs),
    foreignLoad: saved.foreignLoad,
    awaitingStatus: [],
    statusRequests: saved.statusRequests,
    statusResponses: saved.statusResponses,
    missing: new Set(saved.missing),
    offers: new Map(saved.offers),
    memory: saved.memory,
    lateResults: new Set(saved.lateResults),
    excluded: new Map(saved.excluded.map(([job, why]) => [job, why])),
  }
  state.sessions.set(session.robot, session)
  if (saved.logMessages.length > 0) state.logMessages.set(session.robot, new Set(saved.logMessages))
  if (saved.messageRate !== null) restoreMessageRate(state, session.robot, saved.messageRate)
  if (saved.takeovers !== null) setTakeovers(state, session.robot, saved.takeovers)
  state.offersMade = Math.max(state.offersMade, session.lastOffer)
  state.timers.cancel('robot.lost', session.robot)
  // The connection was read until now, so an expired lease has expired.
  state.timers.set('robot.lease', session.robot, session.lastFrameAt + state.settings.leaseMs)
  if (saved.cooldownUntil !== null) state.timers.set('robot.cooldown', session.robot, saved.cooldownUntil)
  for (const [job, , until] of saved.excluded) {
    if (until !== null) state.timers.set('robot.exclusion', exclusionTimer(session, job), until)
  }
  resetDeadlines(state, session.robot)
  indexRobot(state, session.robot)
}
