import type { SocketId } from '../../core/base/ids.ts'
import type { RestoredSocket } from '../fleet/ports.ts'
import { HARD_FRAME_BYTES_MAX, type RobotSocket } from '../fleet/robot-socket.ts'
import { exceedsBytes } from '../../core/base/text.ts'

/**
 * Robots' connections on the platform's own hibernation API (decision 8). A socket's id is its first tag, its address the second, and what it carries
 * is its attachment: both survive hibernation, and nothing else does.
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

/** The connections that are open still, when memory has gone. */
export function restoredSockets(ctx: DurableObjectState): readonly RestoredSocket[] {
  return ctx.getWebSockets().flatMap((ws) => {
    const [id, address = null] = ctx.getTags(ws)
    const open = ws.readyState === WebSocket.OPEN && id !== undefined
    return open
      ? [{ socket: robotSocket(id as SocketId, ws, address), snapshot: ws.deserializeAttachment() as string | null }]
      : []
  })
}

/** Which of our sockets this is. */
export function socketIdOf(ctx: DurableObjectState, ws: WebSocket): SocketId | undefined {
  return ctx.getTags(ws)[0] as SocketId | undefined
}

/** Whether a frame is too large to be answered: the socket is closed then, as on the other runtimes. */
export function closeIfOverlong(id: SocketId, ws: WebSocket, frame: string | ArrayBuffer): boolean {
  const tooLarge = typeof frame === 'string'
    ? exceedsBytes(frame, HARD_FRAME_BYTES_MAX)
    : frame.byteLength > HARD_FRAME_BYTES_MAX
  if (tooLarge) close(id, ws, 1009, '')
  return tooLarge
}

/** Sockets that nobody listens to any more, and how many frames came since. The platform goes on reading them. */
const ignoredFrames = new WeakMap<WebSocket, number>()

/** A stranger that is told to close has so long to answer, and so many frames that are passed over. Then it is cut off. */
const CLOSING_MS = 5_000
const IGNORED_MAX = 10

/** The Worker waits so long at the most: the platform grants it 30 s. */
const WAIT_MS = 25_000

/** Those of whom the Worker waits to hear whether it is to cut them off. */
const waiting = new Map<
  SocketId,
  { timer: ReturnType<typeof setTimeout>; readonly resolve: (isToBeCutOff: boolean) => void }
>()

/** Waits until it is known whether a connection is to be cut off. */
export function waitForCutOff(id: SocketId, ws: WebSocket): Promise<boolean> {
  return new Promise((resolve) => {
    waiting.set(id, { timer: setTimeout(() => decideCutOff(id, false), WAIT_MS), resolve })
    if (isClosing(ws)) cutOffSoon(id)
  })
}

/** It is known soon. */
function cutOffSoon(id: SocketId): void {
  const one = waiting.get(id)
  if (one === undefined) return
  clearTimeout(one.timer)
  one.timer = setTimeout(() => decideCutOff(id, true), CLOSING_MS)
}

/** Whether the Worker waits for word of it. */
export function isCutOffAwaited(id: SocketId): boolean {
  return waiting.has(id)
}

/** Says so, if it is waited for. */
export function decideCutOff(id: SocketId, isToBeCutOff: boolean): void {
  const one = waiting.get(id)
  if (one === undefined) return
  waiting.delete(id)
  // A timer that is set keeps an object from hibernating.
  clearTimeout(one.timer)
  one.resolve(isToBeCutOff)
}

/** Whether nobody listens to a socket any more. */
export function isClosing(ws: WebSocket): boolean {
  return ignoredFrames.has(ws)
}

/** Nothing that comes from here on is read. */
export function stopReading(id: SocketId, ws: WebSocket): void {
  if (ignoredFrames.has(ws)) return
  ignoredFrames.set(ws, 0)
  cutOffSoon(id)
}

/** Whether a frame is to be left, since nobody listens. */
export function isIgnored(id: SocketId, ws: WebSocket): boolean {
  const ignored = ignoredFrames.get(ws)
  if (ignored === undefined) return false
  ignoredFrames.set(ws, ignored + 1)
  if (ignored >= IGNORED_MAX) decideCutOff(id, true)
  return true
}

/** Tells a socket to close, and listens to it no more. */
function close(id: SocketId, ws: WebSocket, code: number, reason: string): void {
  stopReading(id, ws)
  answerClose(ws, code, reason)
}

/** Closes, or answers the peer's close. A socket that is gone already is left alone. */
export function answerClose(ws: WebSocket, code: number, reason: string): void {
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
    close: (code, reason) => close(id, ws, code, reason),
    // The platform does not say. What it cannot deliver it drops with the connection.
    buffered: () => 0,
    saveSnapshot: (text) => ws.serializeAttachment(text),
  }
}
