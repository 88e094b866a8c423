import type { Millis, SocketId } from '../../../core/base/ids.ts'
import type { Message } from '../../../core/protocol/message.ts'

/** The last frames of a robot, with the earliest turn that can have processed each. */
export interface Received {
  at: Millis
  /** The robot's word for itself, and how many commits had been asked for when it came. */
  status: string
  statusCommit: number
  /** The connection on which it registered last. */
  socket: SocketId | null
  registers: { readonly payload: Message<'register'>['payload']; readonly commit: number }[]
}
