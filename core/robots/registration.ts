import { recordAbsence } from './absence.ts'
import { authorize, isForAnyRobot, keylessRefusal, registrationRefusal } from '../access/authorize.ts'
import { noteTakeover } from './conflict.ts'
import { CLOSE, disconnect, disconnectFlood } from './connection.ts'
import { resendMode } from './commands.ts'
import type { Event } from '../events/index.ts'
import { refuseMessage, send, type Turn } from '../turn.ts'
import type { RobotId, SecretHash } from '../base/ids.ts'
import { isStopping } from '../records/job.ts'
import { resetDeadlines } from '../jobs/save.ts'
import { LOG_BATCH_MAX } from '../settings.ts'
import { countRegistration, rateLimitConfig } from '../limiter/message-rate.ts'
import { requestStatus, sendCancel } from '../jobs/transition.ts'
import { FRAME_BYTES_MAX } from '../protocol/decode.ts'
import type { Message } from '../protocol/message.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import { reconcileMemory } from './reconcile.ts'
import { ignoredText } from '../protocol/repertoire.ts'
import type { State } from '../state.ts'
import { removeUnregistered } from './unregistered.ts'
import { warn } from './warn.ts'
import type { RobotRow } from '../records/robot.ts'
import type { KeyRow } from '../records/key.ts'
import type { Session, Socket } from '../session.ts'
import { saveKey } from '../access/keys.ts'
import { saveRobot } from '../queue/save.ts'

/**
 * Registers a robot. The answer is the first message that it gets, and is sent once the robot is on record. A
 * connection that it already had is taken over: it is closed, and its messages are ignored.
 */
export function registered(
  state: State,
  socket: Socket,
  message: Message<'register'>,
  { credential, bytes, wrong_key_refusal }: Pick<
    Extract<Event, { type: 'robot.message' }>,
    'credential' | 'bytes' | 'wrong_key_refusal'
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
      key.refused === 'AUTHENTICATION_FAILED' ? wrong_key_refusal ?? key : key,
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

/** Refuses a registration with the reason, and closes the connection. */
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

/**
 * Sends a returning robot what it may have missed, the jobs to stop, and requests what we may have missed, the state of
 * its jobs.
 */
function catchUp(state: State, session: Session, turn: Turn): void {
  const held = [...state.held.get(session.robot) ?? []].flatMap((id) => state.jobs.get(id) ?? [])
  for (const job of held) if (isStopping(job)) sendCancel(state, job, turn)
  requestStatus(session, turn)
}

/** The refusal of a robot without a key. It fits into a close reason, which has at most 123 bytes. */
const NO_KEY =
  'Missing API key: send it as auth_token, Bearer header or ?api_key=; POST /api/v1/keys (robots:connect) makes one'

/**
 * True if a registration will be accepted: then the messages after it are not limited like those of an unregistered
 * peer.
 */
export function mayRegister(state: State, socket: SocketClaim, robot: RobotId, credential: SecretHash | null): boolean {
  return !isRefusal(admitRobot(state, socket, robot, credential ?? socket.credential))
}

/** The data of a connection that decide who may register on it. */
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
  const why = key === null ? keylessRefusal(state, robot) : registrationRefusal(state, key, robot)
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
  removeUnregistered(state, socket)
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
