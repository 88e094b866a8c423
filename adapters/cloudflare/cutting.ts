import type { SocketId } from '../../core/ids.ts'
import { asksForSocket } from '../robot-path.ts'
import type { FleetObject } from './object.ts'

/** How the Worker names a connection to the object. A client that sends it is overruled. */
export const LINE = 'casare-line'

/** Whether a request of the platform's asks for a WebSocket. */
export function isUpgrade({ headers }: Request): boolean {
  return asksForSocket(headers.get('upgrade'))
}

/**
 * Connects a robot with its fleet. An object can tell a connection to close, and has to go on reading it for as long as the peer
 * pleases; the Worker before it can cut it off. So as long as nobody has registered on it, the Worker waits for the word to.
 */
export async function connect(
  request: Request,
  fleet: DurableObjectStub<FleetObject>,
  ctx: ExecutionContext,
): Promise<Response> {
  const line = crypto.randomUUID() as SocketId
  const scissors = new AbortController()
  const headers = new Headers(request.headers)
  headers.set(LINE, line)
  const response = await fleet.fetch(new Request(request, { headers, signal: scissors.signal }))
  if (response.status === 101) ctx.waitUntil(cutOff(fleet, line, scissors))
  return response
}

async function cutOff(fleet: DurableObjectStub<FleetObject>, line: SocketId, scissors: AbortController): Promise<void> {
  // An object that fails has lost its connections with it.
  const isToGo = await fleet.isToGo(line).catch(() => false)
  if (isToGo) scissors.abort()
}
