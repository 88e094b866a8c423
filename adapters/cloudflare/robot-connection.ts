import type { SocketId } from '../../core/base/ids.ts'
import { isWebSocketUpgrade } from '../fleet/robot-path.ts'
import type { FleetCalls } from './fleet-calls.ts'

/** The header in which the Worker passes a connection's id to the object. A value from a client is overwritten. */
export const CONNECTION_HEADER = 'casare-line'

/** True if a request asks for a WebSocket. */
export function isUpgradeRequest({ headers }: Request): boolean {
  return isWebSocketUpgrade(headers.get('upgrade'))
}

/**
 * Connects a robot with its fleet. An object can start to close a connection, but has to go on reading it as long as
 * the peer pleases; the Worker in front of it can cut it off. So until a robot has registered, the Worker waits for the
 * object's decision.
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
  // An object that fails has lost its connections already.
  const isToBeCutOff = await fleet.isToBeCutOff(id).catch(() => false)
  if (isToBeCutOff) controller.abort()
}
