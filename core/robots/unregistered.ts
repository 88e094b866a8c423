import { authorize } from '../access/authorize.ts'
import { UNREGISTERED_BYTES_MAX, UNREGISTERED_FRAMES_MAX } from '../settings.ts'
import { FRAME_BYTES_MAX } from '../protocol/decode.ts'
import { isRefusal } from '../base/refusal.ts'
import type { State } from '../state.ts'
import type { Socket, UnregisteredSockets } from '../session.ts'

/** Without connections. */
export function newUnregistered(): UnregisteredSockets {
  return { all: new Set(), byNetwork: new Map() }
}

/** Counts a new connection, unless its key is valid for robots. */
export function addUnregistered(state: State, socket: Socket): void {
  if (hasKey(state, socket)) return
  const { all, byNetwork } = state.unregistered
  all.add(socket.id)
  if (socket.network === null) return
  const neighbours = byNetwork.get(socket.network)
  if (neighbours === undefined) byNetwork.set(socket.network, new Set([socket.id]))
  else neighbours.add(socket.id)
}

/** Removes a connection that has registered, is closing, or is gone. */
export function removeUnregistered(state: State, socket: Socket): void {
  const { all, byNetwork } = state.unregistered
  if (!all.delete(socket.id) || socket.network === null) return
  const neighbours = byNetwork.get(socket.network)
  neighbours?.delete(socket.id)
  if (neighbours?.size === 0) byNetwork.delete(socket.network)
}

/** The oldest unregistered connection: of all, or of one network. */
export function oldestUnregistered(state: State, network?: string): Socket | undefined {
  const { unregistered, sockets } = state
  const [oldest] = network === undefined ? unregistered.all : unregistered.byNetwork.get(network) ?? []
  return oldest === undefined ? undefined : sockets.get(oldest)
}

/** True if the connection's key allows a robot to register. */
function hasKey(state: State, { credential }: Pick<Socket, 'credential'>): boolean {
  return credential !== null && !isRefusal(authorize(state, credential, 'robots:connect'))
}

/**
 * The number of bytes that a connection may send before it registers. A robot with a valid key may register with a
 * large message.
 */
export function bytesMaxOf(state: State, socket: Pick<Socket, 'credential'>): number {
  return hasKey(state, socket) ? FRAME_BYTES_MAX : UNREGISTERED_BYTES_MAX
}

/** The remaining budget of an unregistered connection. Frames are counted before they are read. */
export interface Allowance {
  frames: number
  bytes: number
  /** The initial bytes, and the bytes received, in whole messages or not. */
  readonly most: number
  received: number
}

/** The budget of a new connection. */
export function newAllowance(state: State, socket: Pick<Socket, 'credential'>): Allowance {
  const most = bytesMaxOf(state, socket)
  return { frames: UNREGISTERED_FRAMES_MAX, bytes: most, most, received: 0 }
}

/** Takes a frame off the budget. Returns false if it exceeds it: then it must not be read, nor any later one. */
export function spendAllowance(allowance: Allowance, bytes: number): boolean {
  allowance.frames--
  allowance.bytes -= bytes
  return allowance.frames >= 0 && allowance.bytes >= 0
}
