import type { SocketId } from '../../core/ids.ts'
import { exceedsBytes } from '../../core/protocol/decode.ts'
import type { Carried } from '../shell.ts'
import { HARD_FRAME_BYTES_MAX, type RobotSocket } from '../socket.ts'

/**
 * Robots' connections on the platform's own hibernation API (decision 8). A socket's id is its first tag, its address the second, and what it carries
 * is its attachment: both survive hibernation, and nothing else does.
 */
export function accept(ctx: DurableObjectState, server: WebSocket, address: string | null): RobotSocket {
  const id = crypto.randomUUID() as SocketId
  ctx.acceptWebSocket(server, address === null ? [id] : [id, address])
  return robotSocket(id, server, address)
}

/** The connections that are open still, when memory has gone. */
export function carried(ctx: DurableObjectState): readonly Carried[] {
  return ctx.getWebSockets().flatMap((ws) => {
    const [id, address = null] = ctx.getTags(ws)
    const open = ws.readyState === WebSocket.OPEN && id !== undefined
    return open
      ? [{ socket: robotSocket(id as SocketId, ws, address), text: ws.deserializeAttachment() as string | null }]
      : []
  })
}

/** Which of our sockets this is. */
export function idOf(ctx: DurableObjectState, ws: WebSocket): SocketId | undefined {
  return ctx.getTags(ws)[0] as SocketId | undefined
}

/** Whether a frame is too large to be answered: the socket is closed then, as on the other runtimes. */
export function isOverlong(ws: WebSocket, frame: string | ArrayBuffer): boolean {
  const tooLarge = typeof frame === 'string'
    ? exceedsBytes(frame, HARD_FRAME_BYTES_MAX)
    : frame.byteLength > HARD_FRAME_BYTES_MAX
  if (tooLarge) close(ws, 1009, '')
  return tooLarge
}

/** Closes, or answers the peer's close. A socket that is gone already is left alone. */
export function close(ws: WebSocket, code: number, reason: string): void {
  try {
    // What a peer that has vanished, or gave no code, is reported with cannot be sent.
    if (code === 1005 || code === 1006 || code === 1015) ws.close()
    else ws.close(code, reason)
  } catch {
    // It is closed.
  }
}

function robotSocket(id: SocketId, ws: WebSocket, address: string | null): RobotSocket {
  return {
    id,
    address,
    send(text) {
      try {
        ws.send(text)
      } catch {
        // It is gone; that is told by its own event.
      }
    },
    close: (code, reason) => close(ws, code, reason),
    // The platform does not say. What it cannot deliver it drops with the connection.
    buffered: () => 0,
    attach: (text) => ws.serializeAttachment(text),
  }
}
