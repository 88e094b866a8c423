import type { SocketId } from '../../core/base/ids.ts'
import type { RestoredSocket } from '../fleet/ports.ts'
import { HARD_FRAME_BYTES_MAX, type RobotSocket } from '../fleet/robot-socket.ts'
import { exceedsBytes } from '../../core/base/text.ts'

/**
 * Robots' connections on the platform's own hibernation API (decision 8). A socket's id is its first tag, its address
 * the second, and its snapshot is its attachment: these survive hibernation, and nothing else does.
 */
export function acceptSocket(
  ctx: DurableObjectState,
  server: WebSocket,
  id: SocketId,
  address: string | null,
): RobotSocket {
  ctx.acceptWebSocket(server, address === null ? [id] : [id, address])
  return robotSocket(id, server, address)
}

/** The connections that are still open after the object was evicted. */
export function restoredSockets(ctx: DurableObjectState): readonly RestoredSocket[] {
  return ctx.getWebSockets().flatMap((ws) => {
    const [id, address = null] = ctx.getTags(ws)
    const open = ws.readyState === WebSocket.OPEN && id !== undefined
    return open
      ? [{ socket: robotSocket(id as SocketId, ws, address), snapshot: ws.deserializeAttachment() as string | null }]
      : []
  })
}

/** The id of a socket. */
export function socketIdOf(ctx: DurableObjectState, ws: WebSocket): SocketId | undefined {
  return ctx.getTags(ws)[0] as SocketId | undefined
}

/** Closes the socket if a frame is too large to be answered, as on the other runtimes. Returns true if so. */
export function closeIfOverlong(id: SocketId, ws: WebSocket, frame: string | ArrayBuffer): boolean {
  const tooLarge = typeof frame === 'string'
    ? exceedsBytes(frame, HARD_FRAME_BYTES_MAX)
    : frame.byteLength > HARD_FRAME_BYTES_MAX
  if (tooLarge) close(id, ws, 1009, '')
  return tooLarge
}

/** Sockets that are closing, each with the number of frames since then. The platform goes on reading them. */
const ignoredFrames = new WeakMap<WebSocket, number>()

/**
 * The time for an unregistered peer to answer a close, and the number of frames ignored meanwhile. Then it is cut off.
 */
const CLOSING_MS = 5_000
const IGNORED_MAX = 10

/** The longest time that the Worker waits; the platform grants it 30 s. */
const WAIT_MS = 25_000

/** Connections for which the Worker awaits the decision to cut off or not. */
const waiting = new Map<
  SocketId,
  { timer: ReturnType<typeof setTimeout>; readonly resolve: (isToBeCutOff: boolean) => void }
>()

/** Waits until it is decided whether a connection is to be cut off. */
export function waitForCutOff(id: SocketId, ws: WebSocket): Promise<boolean> {
  return new Promise((resolve) => {
    waiting.set(id, { timer: setTimeout(() => decideCutOff(id, false), WAIT_MS), resolve })
    if (isClosing(ws)) cutOffSoon(id)
  })
}

/** Schedules the decision to cut off. */
function cutOffSoon(id: SocketId): void {
  const one = waiting.get(id)
  if (one === undefined) return
  clearTimeout(one.timer)
  one.timer = setTimeout(() => decideCutOff(id, true), CLOSING_MS)
}

/** True if the Worker awaits the decision for a connection. */
export function isCutOffAwaited(id: SocketId): boolean {
  return waiting.has(id)
}

/** Sends the decision, if it is awaited. */
export function decideCutOff(id: SocketId, isToBeCutOff: boolean): void {
  const one = waiting.get(id)
  if (one === undefined) return
  waiting.delete(id)
  // A pending timer keeps an object from hibernating.
  clearTimeout(one.timer)
  one.resolve(isToBeCutOff)
}

/** True if frames of the socket are ignored. */
export function isClosing(ws: WebSocket): boolean {
  return ignoredFrames.has(ws)
}

/** Ignores every further frame of a socket. */
export function stopReading(id: SocketId, ws: WebSocket): void {
  if (ignoredFrames.has(ws)) return
  ignoredFrames.set(ws, 0)
  cutOffSoon(id)
}

/** True if a frame is to be ignored, because its socket is closing. */
export function isIgnored(id: SocketId, ws: WebSocket): boolean {
  const ignored = ignoredFrames.get(ws)
  if (ignored === undefined) return false
  ignoredFrames.set(ws, ignored + 1)
  if (ignored >= IGNORED_MAX) decideCutOff(id, true)
  return true
}

/** Starts to close a socket, and ignores its further frames. */
function close(id: SocketId, ws: WebSocket, code: number, reason: string): void {
  stopReading(id, ws)
  answerClose(ws, code, reason)
}

/** Closes, or answers the peer's close. Does nothing for a socket that is gone. */
export function answerClose(ws: WebSocket, code: number, reason: string): void {
  try {
    // Codes that stand for a vanished peer or a missing code cannot be sent.
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
        // It is gone; the close event reports that.
      }
    },
    close: (code, reason) => close(id, ws, code, reason),
    // The platform does not report it. What it cannot deliver it drops with the connection.
    buffered: () => 0,
    saveSnapshot: (text) => ws.serializeAttachment(text),
  }
}
