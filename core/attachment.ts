import { isStillIn } from './access.ts'
import type { JobId, KeyId, Millis, RobotId, SecretHash, SocketId } from './ids.ts'
import { placeTakeovers, type Takeovers } from './conflict.ts'
import { placeTimeouts } from './keep.ts'
import { type CarriedMeter, carriedMeter, restoreMeter } from './meter.ts'
import { barredId } from './offers.ts'
import { placeRobot } from './roster.ts'
import type { Socket } from './socket.ts'
import { noteStranger } from './strangers.ts'
import type { Report } from './seen.ts'
import type { Session, State } from './state.ts'

/**
 * Where memory may go while the sockets stay, as in an object that hibernates, each socket carries what is known of its
 * robot and stands in no row. What it carries is written with each turn that has changed it, so waking is as if nothing
 * had been: no message that is under way, and no answer that is due, is taken for something else.
 */
interface Attachment {
  readonly version: typeof VERSION
  readonly socket: SocketId
  readonly credential: SecretHash | null
  readonly meant: RobotId | null
  /** Left out by texts of an earlier version. */
  readonly from?: string | null
  /** When it is closed, unless somebody has registered on it; null once that has happened. */
  readonly registerBy: Millis | null
  readonly session: Remembered | null
}

/** A session, as plain data. */
interface Remembered extends
  Pick<
    Session,
    | 'since'
    | 'heardAt'
    | 'idleSince'
    | 'paused'
    | 'uncounted'
    | 'lastOffer'
    | 'refusals'
    | 'asked'
    | 'answered'
    | 'memory'
  > {
  readonly robot: RobotId
  readonly key: KeyId | null
  readonly restsUntil: Millis | null
  /** Without what may be of any size: whoever asks for it gets a new one. */
  readonly reported: Report | null
  readonly missing: readonly JobId[]
  readonly offers: readonly (readonly [JobId, number | null])[]
  readonly elsewhere: readonly JobId[]
  /** What it has used up of its limit on messages. */
  readonly meter: CarriedMeter | null
  readonly takeovers: Takeovers | null
  readonly late: readonly JobId[]
  /** Hashes of the last messages with log lines, so that one that is repeated is not stored a second time. */
  readonly logMessages: readonly number[]
  /** With a job that it refused: until when it is not asked for it. */
  readonly barred: readonly (readonly [JobId, 'refused' | number, Millis | null])[]
}

/** Raised whenever an older text would be misread. */
const VERSION = 4

/** A platform keeps 16 KiB with a socket, and may use two bytes for a character. */
const CHARS_MAX = 8_000

/** Of the late results that a robot is known to have reported, the last ones are remembered. */
const LATE_KEPT = 50

/** More jobs than these that are not its own are only counted. */
const ELSEWHERE_KEPT = 50

/** Likewise of its messages with log lines. */
const LOG_MESSAGES_KEPT = 32

/**
 * What a socket is to carry, as text; null for one that could not be restored from it: it is closing, or its robot has
 * too much to remember. Such a socket has to be closed when memory has gone, and its robot comes anew.
 */
export function attachmentOf(state: State, id: SocketId): string | null {
  const socket = state.sockets.get(id)
  if (socket === undefined || socket.closing) return null
  const registerBy = state.timers.at('socket.unregistered', id)
  const attachment: Attachment = {
    version: VERSION,
    socket: id,
    credential: socket.credential,
    meant: socket.meant,
    from: socket.from,
    registerBy: registerBy === Infinity ? null : registerBy,
    session: socket.robot === null ? null : remembered(state, socket, socket.robot),
  }
  const text = JSON.stringify(attachment)
  return text.length > CHARS_MAX ? null : text
}

function remembered(state: State, socket: Socket, robot: RobotId): Remembered | null {
  const session = state.sessions.get(robot)
  if (session === undefined) return null
  const { since, heardAt, idleSince, paused, lastOffer, refusals, reported, asked, answered, late, memory } = session
  const few = session.elsewhere.size <= ELSEWHERE_KEPT
  return {
    robot,
    key: socket.key,
    since,
    heardAt,
    idleSince,
    paused,
    restsUntil: session.resting ? state.timers.at('robot.rest', robot) : null,
    lastOffer,
    refusals,
    reported: reported === null ? null : { ...reported, system_info: {}, active_job_ids: null },
    asked,
    answered,
    missing: [...session.missing],
    offers: [...session.offers],
    memory,
    elsewhere: few ? [...session.elsewhere] : [],
    uncounted: session.uncounted + (few ? 0 : session.elsewhere.size),
    meter: shortMeter(state, robot, heardAt),
    takeovers: state.takeovers.get(robot) ?? null,
    late: [...late].slice(-LATE_KEPT),
    logMessages: [...state.logMessages.get(robot) ?? []].slice(-LOG_MESSAGES_KEPT),
    barred: [...session.barred].map(([job, why]) =>
      [job, why, why === 'refused' ? state.timers.at('robot.barred', barredId(session, job)) : null] as const
    ),
  }
}

/** A limit may be set so high that what has been used up of it does not fit. Waking then begins it anew. */
const RING_KEPT = 250

function shortMeter(state: State, robot: RobotId, now: Millis): CarriedMeter | null {
  return state.settings.robotMessagesMax > RING_KEPT ? null : carriedMeter(state, robot, now)
}

/** Puts a socket and its session back. False when the text is not of a socket that can be restored: it must be closed. */
export function restore(state: State, text: string): boolean {
  const attachment = JSON.parse(text) as Attachment | null
  if (attachment?.version !== VERSION) return false
  const { socket: id, credential, meant, from = null, registerBy, session } = attachment
  if (session !== null && !isOurs(state, session)) return false
  const socket: Socket = {
    id,
    credential,
    meant,
    from,
    robot: session?.robot ?? null,
    key: session?.key ?? null,
    closing: false,
  }
  state.sockets.set(id, socket)
  if (registerBy !== null) state.timers.set('socket.unregistered', id, registerBy)
  if (session === null) noteStranger(state, socket)
  else resume(state, id, session)
  return true
}

/** Its robot is on record, no other socket is its connection, and its key was not revoked on the way. */
function isOurs(state: State, { robot, key }: Remembered): boolean {
  return state.robots.has(robot) && !state.sessions.has(robot) && isStillIn(state, key, robot)
}

function resume(state: State, socket: SocketId, from: Remembered): void {
  const session: Session = {
    robot: from.robot,
    socket,
    since: from.since,
    heardAt: from.heardAt,
    idleSince: from.idleSince,
    paused: from.paused,
    resting: from.restsUntil !== null,
    lastOffer: from.lastOffer,
    refusals: from.refusals,
    reported: from.reported,
    elsewhere: new Set(from.elsewhere),
    uncounted: from.uncounted,
    awaiting: [],
    asked: from.asked,
    answered: from.answered,
    missing: new Set(from.missing),
    offers: new Map(from.offers),
    memory: from.memory,
    late: new Set(from.late),
    barred: new Map(from.barred.map(([job, why]) => [job, why])),
  }
  state.sessions.set(session.robot, session)
  if (from.logMessages.length > 0) state.logMessages.set(session.robot, new Set(from.logMessages))
  if (from.meter !== null) restoreMeter(state, session.robot, from.meter)
  if (from.takeovers !== null) placeTakeovers(state, session.robot, from.takeovers)
  state.offers = Math.max(state.offers, session.lastOffer)
  state.timers.cancel('robot.lost', session.robot)
  // It was listened to until now, so a lease that has run out meanwhile has run out.
  state.timers.set('robot.silent', session.robot, session.heardAt + state.settings.leaseMs)
  if (from.restsUntil !== null) state.timers.set('robot.rest', session.robot, from.restsUntil)
  for (const [job, , until] of from.barred) {
    if (until !== null) state.timers.set('robot.barred', barredId(session, job), until)
  }
  placeTimeouts(state, session.robot)
  placeRobot(state, session.robot)
}
