import { recordAbsence } from './absence.ts'
import { assert } from '../base/assert.ts'
import { statusLost } from './commands.ts'
import { closeSocket, type Turn } from '../turn.ts'
import type { FactOf } from '../fact.ts'
import type { RobotId, SocketId } from '../base/ids.ts'
import { resetDeadlines } from '../jobs/save.ts'
import { CLOSING_FACTOR, UNREGISTERED_FRAMES_MAX } from '../settings.ts'
import { type Flood, floodReason } from '../limiter/message-rate.ts'
import { seenFields } from './seen.ts'
import type { SocketOpened } from '../events/robots.ts'
import type { State } from '../state.ts'
import { addUnregistered, bytesMaxOf, oldestUnregistered, removeUnregistered } from './unregistered.ts'
import { warn } from './warn.ts'
import type { Disconnect } from '../records/robot.ts'
import type { Session, Socket } from '../session.ts'
import { saveRobot } from '../queue/save.ts'
import type { Message } from '../protocol/message.ts'

/** The life of a connection: its beginning, and every way in which it ends. */

/** Close codes of our own, beside the standard ones. They follow the HTTP statuses with the same meaning. */
export const CLOSE = {
  unauthenticated: 4401,
  forbidden: 4403,
  silent: 4408,
  replaced: 4409,
  flood: 4429,
  overloaded: 1013,
  normal: 1000,
} as const

/** Adds a connection, which has some time to register. */
export function socketOpened(
  state: State,
  event: SocketOpened,
  turn: Turn,
): void {
  const full = state.sockets.size >= state.settings.socketsMax && !makeRoom(state, turn)
  const { socket: id, credential, robot: onlyRobot = null, network = null } = event
  const socket: Socket = { id, credential, onlyRobot, network, robot: null, key: null, closing: full }
  state.sockets.set(id, socket)
  turn.out.snapshots.add(event.socket)
  if (full) return closeSocket(turn, event.socket, CLOSE.overloaded, 'Too many connections')
  state.timers.set('socket.registration', event.socket, turn.now + state.settings.registerMs)
  addUnregistered(state, socket)
  if (
    network === null || (state.unregistered.byNetwork.get(network)?.size ?? 0) <= state.settings.unregisteredSocketsMax
  ) return
  displace(state, oldestUnregistered(state, network), 'Too many connections of this address have not registered', turn)
}

/**
 * Disconnects an unregistered connection in favour of a new one, which may be a robot's. Returns false if there is
 * none, or if too many are closing.
 */
function makeRoom(state: State, turn: Turn): boolean {
  if (state.sockets.size >= CLOSING_FACTOR * state.settings.socketsMax) return false
  return displace(state, oldestUnregistered(state), 'Too many connections have not registered', turn)
}

/**
 * Disconnects one. Robots register as soon as they are connected, so the oldest unregistered connection is the least
 * likely to be a robot.
 */
function displace(state: State, unregistered: Socket | undefined, reason: string, turn: Turn): boolean {
  if (unregistered === undefined) return false
  warn(state, turn, `unregistered ${reason}`, 'connections that do not register are closed to make room', {
    from: unregistered.network,
    reason,
  })
  disconnect(state, unregistered, CLOSE.overloaded, reason, turn)
  return true
}

/** Disconnects a peer that has exceeded the limits before registration; further frames are ignored. */
export function socketFlooded(state: State, event: { readonly socket: SocketId }, turn: Turn): void {
  const socket = state.sockets.get(event.socket)
  if (socket === undefined || socket.closing || socket.robot !== null) return
  turn.out.snapshots.add(socket.id)
  const bytes = bytesMaxOf(state, socket)
  const reason = `More than ${UNREGISTERED_FRAMES_MAX} messages or ${bytes} bytes before a registration`
  warn(state, turn, 'unregistered flood', 'a connection that has not registered says too much, and is closed', {
    from: socket.network,
    reason,
  })
  disconnect(state, socket, CLOSE.flood, reason, turn)
}

/** Removes a connection that has ended. Its robot, unless it has a newer one, is offline from now on. */
export function socketClosed(state: State, event: { readonly socket: SocketId }, turn: Turn): void {
  const socket = state.sockets.get(event.socket)
  if (socket === undefined) return
  state.sockets.delete(socket.id)
  removeUnregistered(state, socket)
  state.timers.cancel('socket.registration', socket.id)
  endSession(state, socket, { at: turn.now, code: null, reason: '' }, turn)
}

/** Closes a socket, and ignores its further frames at once. */
export function disconnect(state: State, socket: Socket, code: number, reason: string, turn: Turn): void {
  socket.closing = true
  removeUnregistered(state, socket)
  state.timers.cancel('socket.registration', socket.id)
  closeSocket(turn, socket.id, code, reason)
  endSession(state, socket, { at: turn.now, code, reason }, turn)
}

/** Disconnects a robot that sends far too much. Its counters stay, so reconnecting does not help. */
export function disconnectFlood(state: State, socket: Socket, robot: RobotId, flood: Flood, turn: Turn): void {
  const reason = floodReason(state.settings, flood)
  warn(state, turn, `flood ${robot}`, 'a robot says too much, and its connection is closed', { robot, reason })
  disconnect(state, socket, CLOSE.flood, reason, turn)
}

/** Disconnects a socket on which no robot has registered in time. */
export function registrationExpired(state: State, id: SocketId, turn: Turn): void {
  const socket = state.sockets.get(id)
  if (socket === undefined || socket.robot !== null) return
  disconnect(state, socket, CLOSE.silent, `No registration within ${state.settings.registerMs / 1000} s`, turn)
}

/** Marks the robot behind a socket as offline, unless a newer connection has taken over. */
function endSession(state: State, socket: Socket, last_disconnect: Disconnect, turn: Turn): void {
  const { robot } = socket
  socket.robot = null
  if (robot === null) return
  const session = state.sessions.get(robot)
  if (session?.socket !== socket.id) return
  statusLost(session, turn)
  state.sessions.delete(robot)
  if (session.missing.size > 0) state.missing.set(robot, session.missing)
  state.timers.cancel('robot.status', robot)
  state.timers.cancel('robot.lease', robot)
  state.timers.cancel('robot.cooldown', robot)
  resetDeadlines(state, robot)
  const row = state.robots.get(robot)
  assert(row !== undefined, 'a session has a robot')
  const { code, reason } = last_disconnect
  saveRobot(state, { ...row, ...seenFields(session, turn.now), last_disconnect }, turn)
  recordAbsence(state, robot, 'disconnected', disconnectReason(code, reason), turn)
  if (code !== CLOSE.replaced) turn.facts.push({ type: 'robot.offline', robot: row })
  if ((state.held.get(robot)?.size ?? 0) > 0) state.timers.set('robot.lost', robot, turn.now + state.settings.graceMs)
}

/** Describes how a connection ended, for people. */
function disconnectReason(code: number | null, reason: string): string {
  if (code === null) return 'has lost its connection, or closed it'
  return `${code === CLOSE.normal ? 'has disconnected' : 'was disconnected'}: ${reason}`
}

/** Ends every connection that was made with a revoked key. */
export function disconnectKey(state: State, { key }: FactOf<'key.revoked'>, turn: Turn): void {
  for (const socket of state.sockets.values()) {
    if (socket.key === key.id && !socket.closing) {
      disconnect(state, socket, CLOSE.unauthenticated, 'This API key has been revoked', turn)
    }
  }
}

/** A robot disconnects in order. Its jobs wait for it for the grace period, as after a broken connection. */
export function disconnected(state: State, session: Session, message: Message<'disconnect'>, turn: Turn): void {
  const socket = state.sockets.get(session.socket)
  const robot = state.robots.get(session.robot)
  assert(socket !== undefined && robot !== undefined, 'a session has a socket and a robot')
  // It has shut down as requested: when it connects again, it is available.
  if (robot.mode === 'draining') saveRobot(state, { ...robot, mode: 'active' }, turn)
  disconnect(state, socket, CLOSE.normal, message.payload.reason || 'Disconnect requested', turn)
}
