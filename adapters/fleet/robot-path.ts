import * as v from 'valibot'
import type { RobotId } from '../../core/base/ids.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import { newRobotId } from '../../core/protocol/robot-id.ts'

/** The robot that an address is for; null if it is for any. */
export interface RobotPath {
  readonly robot: RobotId | null
}

const OWN = '/ws/robot/'

/**
 * Parses the part of a path behind its fleet; null if robots do not connect there. `/ws/robot/{id}` is for one robot
 * only. With `anyPath`, for a port that serves only robots, every other path is accepted too.
 */
export function robotPath(rest: string, anyPath: boolean): RobotPath | null {
  if (rest.startsWith(OWN) && rest.length > OWN.length) {
    const robot = decoded(rest.slice(OWN.length))
    return robot !== null && v.is(newRobotId, robot) ? { robot: robot as RobotId } : null
  }
  return anyPath || rest === '/ws' || rest === '/ws/' ? { robot: null } : null
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** The address at which a robot should have connected, with the host that it asked for, if that is a valid one. */
export function robotsUrl(host: string | null | undefined, secure: boolean, base: string): string {
  const named = host != null && /^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? host : 'this-host'
  return `${secure ? 'wss' : 'ws'}://${named}${base}/ws`
}

/** The refusal for a robot that connects to a wrong path. */
export function wrongRobotPath(path: string, url: string): Refusal {
  return refuse('NOT_FOUND', `Robots do not connect at ${path.slice(0, 256)}, but at ${url} or ${url}/robot/{robot_id}`)
}

/**
 * True if the header `Upgrade` asks for a WebSocket. An offer of another protocol, for instance clear-text HTTP/2, is
 * ignored and the request served in HTTP/1.1.
 */
export function isWebSocketUpgrade(upgrade: string | null | undefined): boolean {
  return upgrade?.toLowerCase() === 'websocket'
}
