import type { SocketId } from '../../core/base/ids.ts'
import { isWebSocketUpgrade } from '../fleet/robot-path.ts'
import type { FleetCalls } from './fleet-calls.ts'

/** How the Worker names a connection to the object. A client that sends it is overruled. */
export const CONNECTION_HEADER = 'casare-line'

/** Whether a request of the platform's asks for a WebSocket. */
export function isUpgradeRequest({ headers }: Request): boolean {
  return isWebSocketUpgrade(headers.get('upgrade'))
}

/**
 * Connects a robot with its fleet. An object can tell a connection to close, and has to go on reading it for as long as the peer
 * pleases; the Worker before it can cut it off. So as long as nobody has registered on it, the Worker waits for the word to.
 */
export async function connectRobot(
  request: Request,
  fleet: DurableObjectStub<FleetCalls>,
  ctx: ExecutionContext,
): Promise<Response> {
  const id = crypto.randomUUID() as SocketId
  const controller = new AbortController()
  const headers = new Headers(request.headers)
  headers.set(CONNECTION_HEADER, id)
  const response = await fleet.fetch(new Request(request, { headers, signal: controller.signal }))
  if (response.status === 101) ctx.waitUntil(cutOff(fleet, id, controller))
  return response
}

async function cutOff(fleet: DurableObjectStub<FleetCalls>, id: SocketId, controller: AbortController): Promise<void> {
  // An object that fails has lost its connections with it.
  const isToBeCutOff = await fleet.isToBeCutOff(id).catch(() => false)
  if (isToBeCutOff) controller.abort()
}
