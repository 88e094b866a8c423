import { recordAbsence } from './absence.ts'
import { authorize, isForAnyRobot, registrationRefusal, whyNotWithoutKey } from './access.ts'
import { assert } from './assert.ts'
import { noteTakeover } from './conflict.ts'
import { CLOSE, disconnect, disconnectFlood } from './connection.ts'
import { resendMode } from './control.ts'
import { recordForeignWork } from './elsewhere.ts'
import type { Event } from './event.ts'
import { send, type Turn } from './effects.ts'
import type { RobotId, SecretHash, SocketId } from './ids.ts'
import { isStopping } from './job.ts'
import { resetDeadlines, saveKey, saveRobot } from './keep.ts'
import { LOG_BATCH_MAX } from './limits.ts'
import { countRegistration, rateLimitConfig } from './meter.ts'
import { requestStatus, sendCancel } from './move.ts'
import { FRAME_BYTES_MAX } from './protocol/decode.ts'
import { errorMessage } from './protocol/encode.ts'
import type { Message, MessageId } from './protocol/message.ts'
import { isRefusal, type Refusal, refuse } from './protocol/refusal.ts'
import { excludeLeftOver, reconcile, reconcileMemory } from './reconcile.ts'
import { ignoredText } from './protocol/repertoire.ts'
import { indexRobot } from './roster.ts'
import { reportOf, seenFields } from './seen.ts'
import type { Socket } from './socket.ts'
import type { KeyRow, RobotRow, Session, State } from './state.ts'
import { forgetStranger } from './strangers.ts'
import { warn } from './warn.ts'

/** Answers a message that is refused, with its id. */
export function refuseMessage(turn: Turn, socket: SocketId, refusal: Refusal, id: MessageId | undefined): void {
  send(turn, socket, errorMessage(refusal, id))
}

/**
 * A robot says who it is. The answer is the first thing it hears from us, and it comes once the robot is on record.
 * A robot that was connected already is taken over: the older connection is closed and can do nothing more.
 */
export function registered(
  state: State,
  socket: Socket,
  message: Message<'register'>,
  { credential, bytes, wrongKeyRefusal }: Pick<
    Extract<Event, { type: 'robot.message' }>,
    'credential' | 'bytes' | 'wrongKeyRefusal'
  >,
  turn: Turn,
): void {
  const { robot_id } = message.payload
  if (socket.robot !== null && socket.robot !== robot_id) {
    refuseMessage(turn, socket.id, refuse('FORBIDDEN', 'This connection belongs to another robot'), message.id)
    return
  }
  const key = admitRobot(state, socket, robot_id, credential ?? socket.credential)
  if (isRefusal(key)) {
    return refuseRegistration(
      state,
      socket,
      message,
      key.refused === 'AUTHENTICATION_FAILED' ? wrongKeyRefusal ?? key : key,
      turn,
    )
  }
  const verdict = countRegistration(state, robot_id, bytes, turn)
  if (verdict !== 'act') return disconnectFlood(state, socket, robot_id, verdict, turn)
  if (key !== null && key.robot_id === null && !isForAnyRobot(key)) saveKey(state, { ...key, robot_id }, turn)
  socket.key = key?.id ?? null
  const returns = state.sessions.has(robot_id)
  const isNew = state.sessions.get(robot_id)?.socket !== socket.id
  replaceOlder(state, socket, robot_id, turn)
  const session = startSession(state, socket, message, turn)
  acknowledge(state, socket, message, turn)
  const robot = robotRowOf(state, message, turn)
  saveRobot(state, robot, turn)
  if (isNew) recordAbsence(state, robot_id, 'reconnected', 'is connected again', turn)
  if (!returns) turn.facts.push({ type: 'robot.online', robot })
  resendMode(session, robot, turn)
  if (message.payload.memory !== undefined) reconcileMemory(state, session, message.payload.memory.offers, turn)
  catchUp(state, session, turn)
}

/** Tells a robot why it is not let in, in the words of an answer to its registration, and closes. */
function refuseRegistration(
  state: State,
  socket: Socket,
  { id, payload }: Message<'register'>,
  why: Refusal,
  turn: Turn,
): void {
  const { robot_id } = payload
  const answer = { robot_id, success: false, message: why.message, config: {} }
  send(turn, socket.id, { type: 'register_ack', payload: answer, correlation_id: id })
  warn(state, turn, `turned away ${why.refused}`, 'a robot is not let in', { robot: robot_id, reason: why.message })
  disconnect(state, socket, closeCodeFor(why), why.message, turn)
}

function closeCodeFor({ refused }: Refusal): number {
  if (refused === 'AUTHENTICATION_FAILED') return CLOSE.unauthenticated
  return refused === 'RATE_LIMITED' ? CLOSE.flood : CLOSE.forbidden
}

/** What a robot that returns may have missed: jobs that it is to stop. And what we may have missed: how its jobs are. */
function catchUp(state: State, session: Session, turn: Turn): void {
  const held = [...state.held.get(session.robot) ?? []].flatMap((id) => state.jobs.get(id) ?? [])
  for (const job of held) if (isStopping(job)) sendCancel(state, job, turn)
  requestStatus(session, turn)
}

/** What a robot calls itself when it takes no jobs. */
const TAKES_NO_JOBS: ReadonlySet<string> = new Set(['paused', 'maintenance', 'error', 'offline'])

/** A sign of life, with what the robot says of itself. */
export function heartbeat(
  state: State,
  session: Session,
  message: Message<'heartbeat'> | Message<'status_response'>,
  turn: Turn,
): void {
  const { payload } = message
  const first = session.reported === null
  // An answer to nothing must not be taken for the answer to the next request.
  if (message.type === 'status_response' && session.statusResponses < session.statusRequests) session.statusResponses++
  session.reported = reportOf(session.reported ?? state.robots.get(session.robot)?.metrics ?? null, message, turn.now)
  state.timers.set('robot.lease', session.robot, turn.now + state.settings.leaseMs)
  session.paused = TAKES_NO_JOBS.has(payload.status)
  if (payload.active_job_ids !== undefined) {
    const active = new Set(payload.active_job_ids)
    reconcile(state, session, active, turn)
    if (first) excludeLeftOver(state, session, active)
  }
  if (first) resetDeadlines(state, session.robot)
  recordForeignWork(state, session, payload)
  const row = state.robots.get(session.robot)
  assert(row !== undefined, 'a session has a robot')
  const mode = row.mode === 'resuming' && payload.status !== 'paused' ? 'active' : row.mode
  const stale = turn.now - (row.last_seen ?? 0) >= state.settings.seenMs
  if (stale || mode !== row.mode) saveRobot(state, { ...row, mode, ...seenFields(session, turn.now) }, turn)
  else indexRobot(state, session.robot)
  if (message.type === 'heartbeat') {
    send(turn, session.socket, {
      type: 'heartbeat_ack',
      payload: { robot_id: session.robot },
      correlation_id: message.id,
    })
  }
}

/** A robot takes its leave. Its jobs wait for it for the grace period, as if the line had broken. */
export function disconnected(state: State, session: Session, message: Message<'disconnect'>, turn: Turn): void {
  const socket = state.sockets.get(session.socket)
  const robot = state.robots.get(session.robot)
  assert(socket !== undefined && robot !== undefined, 'a session has a socket and a robot')
  // It was told to shut down and does: when it comes again, it comes to work.
  if (robot.mode === 'draining') saveRobot(state, { ...robot, mode: 'active' }, turn)
  disconnect(state, socket, CLOSE.normal, message.payload.reason || 'Disconnect requested', turn)
}

/** A robot that refused an offer may be asked again. */
export function cooldownOver(state: State, robot: RobotId): void {
  const session = state.sessions.get(robot)
  if (session === undefined) return
  session.coolingDown = false
  indexRobot(state, robot)
}

/** What a robot without a key is told: it fits into the reason of a close, which has 123 bytes. */
const NO_KEY =
  'Missing API key: send it as auth_token, Bearer header or ?api_key=; POST /api/v1/keys (robots:connect) makes one'

/** Whether a robot that registers like this is let in: what comes behind its registration is no stranger's, then. */
export function mayRegister(state: State, socket: SocketClaim, robot: RobotId, credential: SecretHash | null): boolean {
  return !isRefusal(admitRobot(state, socket, robot, credential ?? socket.credential))
}

/** What a connection says of who may register on it. */
export type SocketClaim = Pick<Socket, 'credential' | 'onlyRobot'>

function admitRobot(
  state: State,
  socket: SocketClaim,
  robot: RobotId,
  credential: SecretHash | null,
): KeyRow | Refusal | null {
  if (socket.onlyRobot !== null && socket.onlyRobot !== robot) {
    return refuse(
      'FORBIDDEN',
      `This address is for the robot ${socket.onlyRobot}: register with that robot_id, or connect at /ws`,
    )
  }
  if (credential === null && state.settings.robotsAuth !== 'open') return refuse('AUTHENTICATION_FAILED', NO_KEY)
  const key = credential === null ? null : authorize(state, credential, 'robots:connect')
  if (isRefusal(key)) return key
  const why = key === null ? whyNotWithoutKey(state, robot) : registrationRefusal(state, key, robot)
  if (why !== null) return why
  if (!state.robots.has(robot) && state.robots.size >= state.settings.robotsMax) {
    return refuse('FORBIDDEN', `This fleet already has ${state.settings.robotsMax} robots`)
  }
  return key
}

function replaceOlder(state: State, socket: Socket, robot: RobotId, turn: Turn): void {
  const former = state.sessions.get(robot)
  if (former === undefined || former.socket === socket.id) return
  const older = state.sockets.get(former.socket)
  if (older !== undefined) disconnect(state, older, CLOSE.replaced, noteTakeover(state, former, turn), turn)
}

function startSession(state: State, socket: Socket, { payload }: Message<'register'>, turn: Turn): Session {
  const robot = payload.robot_id
  const session: Session = {
    robot,
    socket: socket.id,
    since: turn.now,
    lastFrameAt: turn.now,
    idleSince: turn.now,
    paused: false,
    coolingDown: false,
    lastOffer: 0,
    refusals: 0,
    reported: null,
    foreignJobs: new Set(),
    foreignLoad: 0,
    awaitingStatus: [],
    statusRequests: 0,
    statusResponses: 0,
    missing: state.missing.get(robot) ?? new Set(),
    offers: new Map(),
    memory: payload.memory?.id ?? '',
    lateResults: new Set(),
    excluded: new Map(),
  }
  socket.robot = robot
  forgetStranger(state, socket)
  state.sessions.set(robot, session)
  state.missing.delete(robot)
  state.timers.cancel('socket.registration', socket.id)
  state.timers.cancel('robot.lost', robot)
  state.timers.cancel('robot.cooldown', robot)
  state.timers.set('robot.lease', robot, turn.now + state.settings.leaseMs)
  resetDeadlines(state, robot)
  return session
}

function acknowledge(state: State, socket: Socket, message: Message<'register'>, turn: Turn): void {
  send(turn, socket.id, {
    type: 'register_ack',
    payload: {
      robot_id: message.payload.robot_id,
      success: true,
      message: `Registration successful${ignoredText(message.payload.capabilities)}`,
      config: {
        heartbeat_interval: state.settings.heartbeatMs / 1000,
        log_batch_size: LOG_BATCH_MAX,
        max_message_bytes: FRAME_BYTES_MAX,
        lease_seconds: state.settings.leaseMs / 1000,
        ...rateLimitConfig(state.settings, message.payload.max_concurrent_jobs),
      },
    },
    correlation_id: message.id,
  })
}

function robotRowOf(state: State, message: Message<'register'>, turn: Turn): RobotRow {
  const { payload } = message
  const before = state.robots.get(payload.robot_id)
  return {
    id: payload.robot_id,
    name: payload.robot_name || payload.robot_id,
    environment: payload.environment,
    max_concurrent_jobs: payload.max_concurrent_jobs,
    tags: payload.tags,
    capabilities: payload.capabilities,
    mode: before?.mode ?? 'active',
    created_at: before?.created_at ?? turn.now,
    last_seen: turn.now,
    last_heartbeat: before?.last_heartbeat ?? null,
    metrics: before?.metrics ?? null,
    last_disconnect: before?.last_disconnect ?? null,
  }
}
