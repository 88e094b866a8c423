import * as v from 'valibot'
import type { RobotId } from '../../core/base/ids.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import { newRobotId } from '../../core/protocol/robot-id.ts'

/** What a robot's address says: whose it is, or null where it does not say. */
export interface RobotPath {
  readonly robot: RobotId | null
}

const OWN = '/ws/robot/'

/**
 * Reads the part of a path behind its fleet; null when robots do not connect there. `/ws/robot/{id}` is the address of one
 * robot alone. `anyPath`: a port that is for robots only takes them at any other path too.
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

/** Where a robot should have connected, from the `Host` that it asked for; a host that is none is left out. */
export function robotsUrl(host: string | null | undefined, secure: boolean, base: string): string {
  const named = host != null && /^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? host : 'this-host'
  return `${secure ? 'wss' : 'ws'}://${named}${base}/ws`
}

/** What a robot is told that connects where none does. */
export function wrongRobotPath(path: string, url: string): Refusal {
  return refuse('NOT_FOUND', `Robots do not connect at ${path.slice(0, 256)}, but at ${url} or ${url}/robot/{robot_id}`)
}

/** Whether the header `Upgrade` asks for a WebSocket. A client that offers another protocol, as HTTP/2 in clear, is served in HTTP/1.1. */
export function isWebSocketUpgrade(upgrade: string | null | undefined): boolean {
  return upgrade?.toLowerCase() === 'websocket'
}
