import { noteAbsence } from './absence.ts'
import { announceRobot } from './announce.ts'
import { assert } from './assert.ts'
import { statusLost } from './control.ts'
import { hangUp, type Turn } from './effects.ts'
import type { RobotId, SecretHash, SocketId } from './ids.ts'
import { keepRobot, placeTimeouts } from './keep.ts'
import { type Flood, floodReason } from './meter.ts'
import { type Disconnect, seen } from './seen.ts'
import type { Socket } from './socket.ts'
import type { State } from './state.ts'
import { warn } from './warn.ts'

/** The life of a connection: how it begins, and every way in which it ends. */

/** Close codes of ours, beside the standard ones. They follow the HTTP statuses that mean the same. */
export const CLOSE = {
  unauthenticated: 4401,
  forbidden: 4403,
  silent: 4408,
  replaced: 4409,
  flood: 4429,
  overloaded: 1013,
  normal: 1000,
} as const

/** A connection has been made. It has a while to say who it is. */
export function socketOpened(
  state: State,
  event: { readonly socket: SocketId; readonly credential: SecretHash | null; readonly robot?: RobotId | null },
  turn: Turn,
): void {
  const full = state.sockets.size >= state.settings.socketsMax
  const { socket: id, credential, robot: meant = null } = event
  state.sockets.set(id, { id, credential, meant, robot: null, key: null, closing: full })
  turn.out.attachments.add(event.socket)
  if (full) hangUp(turn, event.socket, CLOSE.overloaded, 'Too many connections')
  else state.timers.set('socket.unregistered', event.socket, turn.now + state.settings.registerMs)
}

/** A connection is gone, whoever closed it. Its robot, if it has no newer one, is away from here on. */
export function socketClosed(state: State, event: { readonly socket: SocketId }, turn: Turn): void {
  const socket = state.sockets.get(event.socket)
  if (socket === undefined) return
  state.sockets.delete(socket.id)
  state.timers.cancel('socket.unregistered', socket.id)
  leave(state, socket, { at: turn.now, code: null, reason: '' }, turn)
}

/** Tells a socket to close, and stops listening to it at once. */
export function expel(state: State, socket: Socket, code: number, reason: string, turn: Turn): void {
  socket.closing = true
  state.timers.cancel('socket.unregistered', socket.id)
  hangUp(turn, socket.id, code, reason)
  leave(state, socket, { at: turn.now, code, reason }, turn)
}

/** Somebody says far too much. What has been counted stays counted: connecting anew does not help. */
export function expelFlood(state: State, socket: Socket, robot: RobotId, flood: Flood, turn: Turn): void {
  const reason = floodReason(state.settings, flood)
  warn(state, turn, `flood ${robot}`, 'a robot says too much, and its connection is closed', { robot, reason })
  expel(state, socket, CLOSE.flood, reason, turn)
}

/** The lease has run out, or frames have come since the timer was set. */
export function silent(state: State, robot: RobotId, turn: Turn): void {
  const session = state.sessions.get(robot)
  if (session === undefined) return
  const until = session.heardAt + state.settings.leaseMs
  if (until > turn.now) {
    state.timers.set('robot.silent', robot, until)
    return
  }
  const socket = state.sockets.get(session.socket)
  assert(socket !== undefined, 'a session has a socket')
  expel(state, socket, CLOSE.silent, `No message for ${state.settings.leaseMs / 1000} s`, turn)
}

/** Nobody has said who they are on this socket, in the time that there was for it. */
export function unregistered(state: State, id: SocketId, turn: Turn): void {
  const socket = state.sockets.get(id)
  if (socket === undefined || socket.robot !== null) return
  expel(state, socket, CLOSE.silent, `No registration within ${state.settings.registerMs / 1000} s`, turn)
}

/** The robot behind a socket is away, unless a newer connection of it has taken over. */
function leave(state: State, socket: Socket, last_disconnect: Disconnect, turn: Turn): void {
  const { robot } = socket
  socket.robot = null
  if (robot === null) return
  const session = state.sessions.get(robot)
  if (session?.socket !== socket.id) return
  statusLost(session, turn)
  state.sessions.delete(robot)
  if (session.missing.size > 0) state.missing.set(robot, session.missing)
  state.timers.cancel('robot.status', robot)
  state.timers.cancel('robot.silent', robot)
  state.timers.cancel('robot.rest', robot)
  placeTimeouts(state, robot)
  const row = state.robots.get(robot)
  assert(row !== undefined, 'a session has a robot')
  const { code, reason } = last_disconnect
  keepRobot(state, { ...row, ...seen(session, turn.now), last_disconnect }, turn)
  noteAbsence(state, robot, 'disconnected', goneBecause(code, reason), turn)
  if (code !== CLOSE.replaced) announceRobot(state, row, 'robot.offline', turn)
  if ((state.held.get(robot)?.size ?? 0) > 0) state.timers.set('robot.lost', robot, turn.now + state.settings.graceMs)
}

/** How a connection ended, in words for people. */
function goneBecause(code: number | null, reason: string): string {
  if (code === null) return 'has lost its connection, or closed it'
  return `${code === CLOSE.normal ? 'has disconnected' : 'was disconnected'}: ${reason}`
}
