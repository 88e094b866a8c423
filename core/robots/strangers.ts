import { authorize } from '../access/authorize.ts'
import { STRANGER_BYTES_MAX, STRANGER_FRAMES_MAX } from '../settings.ts'
import { FRAME_BYTES_MAX } from '../protocol/decode.ts'
import { isRefusal } from '../base/refusal.ts'
import type { State } from '../state.ts'
import type { Socket, Strangers } from '../session.ts'

/** Nobody is connected. */
export function newStrangers(): Strangers {
  return { all: new Set(), byNetwork: new Map() }
}

/** Counts a connection that has just been made, unless it has shown a key of a robot. */
export function noteStranger(state: State, socket: Socket): void {
  if (hasKey(state, socket)) return
  const { all, byNetwork } = state.strangers
  all.add(socket.id)
  if (socket.network === null) return
  const neighbours = byNetwork.get(socket.network)
  if (neighbours === undefined) byNetwork.set(socket.network, new Set([socket.id]))
  else neighbours.add(socket.id)
}

/** It has registered, or is told to close, or is gone. */
export function forgetStranger(state: State, socket: Socket): void {
  const { all, byNetwork } = state.strangers
  if (!all.delete(socket.id) || socket.network === null) return
  const neighbours = byNetwork.get(socket.network)
  neighbours?.delete(socket.id)
  if (neighbours?.size === 0) byNetwork.delete(socket.network)
}

/** The stranger that has been here the longest: of all, or of one network. */
export function oldestStranger(state: State, network?: string): Socket | undefined {
  const { strangers, sockets } = state
  const [oldest] = network === undefined ? strangers.all : strangers.byNetwork.get(network) ?? []
  return oldest === undefined ? undefined : sockets.get(oldest)
}

/** Whether a connection has shown a key with which a robot may register. */
function hasKey(state: State, { credential }: Pick<Socket, 'credential'>): boolean {
  return credential !== null && !isRefusal(authorize(state, credential, 'robots:connect'))
}

/** How many bytes a connection may send before it has registered. A robot that has shown its key may have much to say of itself. */
export function strangerBytesMax(state: State, socket: Pick<Socket, 'credential'>): number {
  return hasKey(state, socket) ? FRAME_BYTES_MAX : STRANGER_BYTES_MAX
}

/** What a connection may still say before it has registered. It is counted before anything of it is read. */
export interface Allowance {
  frames: number
  bytes: number
  /** How many bytes there were to begin with, and how many have come, in whole messages or not. */
  readonly most: number
  received: number
}

/** What a new connection may say. */
export function newAllowance(state: State, socket: Pick<Socket, 'credential'>): Allowance {
  const most = strangerBytesMax(state, socket)
  return { frames: STRANGER_FRAMES_MAX, bytes: most, most, received: 0 }
}

/** Takes a frame off what may be said. False when it is too much: it is not to be read, nor is anything after it. */
export function spendAllowance(allowance: Allowance, bytes: number): boolean {
  allowance.frames--
  allowance.bytes -= bytes
  return allowance.frames >= 0 && allowance.bytes >= 0
}
