import type { Event } from '../../core/events/index.ts'
import type { SecretHash, SocketId } from '../../core/base/ids.ts'
import { cut, utf8Bytes } from '../../core/base/text.ts'
import { FRAME_BYTES_MAX, fromRobot, isUndecodable } from '../../core/protocol/decode.ts'
import { refuse } from '../../core/base/refusal.ts'
import { utf8Text } from '../net/charset.ts'
import { hashOf } from '../crypto/secrets.ts'

/**
 * A robot's connection, independent of the platform. Opening, text and closing arrive in order, and closing once. The
 * platforms' own sockets are known to their adapters only.
 */
export interface RobotSocket {
  readonly id: SocketId
  /** The address of the peer, as far as it is known. */
  readonly address?: string | null
  /** The key of the upgrade, if the platform has kept it. */
  readonly credential?: SecretHash | null
  /** Never throws; dropped if the socket is gone. */
  send(text: string): void
  close(code: number, reason: string): void
  /** Bytes not yet sent to the peer; 0 if the platform does not report them. */
  buffered(): number
  /**
   * Stores the snapshot with the socket, on a platform where sockets survive hibernation; null: it cannot be restored.
   */
  saveSnapshot?(snapshot: string | null): void
}

/** A larger frame is not answered: the connection is closed with 1009. */
export const HARD_FRAME_BYTES_MAX = 8 * FRAME_BYTES_MAX

/** A peer with more unsent bytes is not reading. It is closed with 1013, and its robot may reconnect. */
export const BUFFERED_BYTES_MAX = 16 * FRAME_BYTES_MAX

/** A received frame: text, or binary that should be UTF-8 text. */
export type Frame = string | Uint8Array | ArrayBuffer

const NOT_UTF8 = refuse('INVALID_JSON', 'Malformed JSON: the frame is not valid UTF-8')

/** The event of a frame. Invalid text becomes an event too, so that the refusal is sent in order. */
export function eventOfFrame(socket: SocketId, frame: Frame): Event {
  const text = typeof frame === 'string' ? frame : utf8Text(frame)
  const bytes = typeof frame === 'string' ? utf8Bytes(frame) : frame.byteLength
  const message = text === null
    ? fromRobot(new TextDecoder().decode(frame as Exclude<Frame, string>), NOT_UTF8)
    : fromRobot(text)
  if (isUndecodable(message)) {
    return { type: 'robot.malformed', socket, bytes, refusal: message.refusal, id: message.correlation_id }
  }
  let credential: SecretHash | null = null
  if (message.type === 'register') {
    const token = message.payload.auth_token ?? message.payload.token
    if (token !== undefined && token !== null) credential = hashOf(token)
  }
  return { type: 'robot.message', socket, message, bytes, credential }
}

/** A close code that can be sent: the WebSocket API refuses the reserved ones. */
export function sendableCode(code: number): number {
  return code === 1005 || code === 1006 || code === 1015 || code < 1000 || code > 4999 ? 1000 : code
}

const REASON_BYTES_MAX = 123

/** A close reason that can be sent: the WebSocket API throws above 123 bytes of UTF-8. */
export function sendableReason(reason: string): string {
  let sendable = cut(reason, REASON_BYTES_MAX).toWellFormed()
  while (utf8Bytes(sendable) > REASON_BYTES_MAX) sendable = cut(sendable, sendable.length - 1)
  return sendable
}
