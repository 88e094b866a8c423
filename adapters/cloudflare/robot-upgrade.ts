import type { RobotId, SecretHash } from '../../core/base/ids.ts'
import type { Settings } from '../../core/settings.ts'
import { fleetPath } from '../fleet/path.ts'
import { robotCredential } from '../http/kit/request.ts'
import { NOSNIFF, requestIdHeader } from '../http/kit/response.ts'
import { robotPageRefused } from '../net/origin.ts'
import { robotPath, robotsUrl, wrongRobotPath } from '../fleet/robot-path.ts'

/** The data of a robot that wants to connect, or the answer that refuses it. */
export function readRobotUpgrade(
  { url, headers }: Request,
  settings: Settings,
): { readonly robot: RobotId | null; readonly credential: SecretHash | null } | Response {
  const { pathname, protocol, searchParams } = new URL(url)
  // Robots in the field know a host and a port: where there is one origin, they connect to its root.
  const base = fleetPath(pathname)?.base ?? ''
  const rest = pathname.slice(base.length)
  const asked = robotPath(rest, rest === '/' || rest === '')
  if (asked === null) {
    return refuseUpgrade(
      headers,
      404,
      wrongRobotPath(pathname, robotsUrl(headers.get('host'), protocol === 'https:', base)).message,
    )
  }
  const page = robotPageRefused((name) => headers.get(name), settings)
  if (page !== null) return refuseUpgrade(headers, 403, page.message)
  return { robot: asked.robot, credential: robotCredential(headers.get('authorization'), searchParams) }
}

function refuseUpgrade(asked: Headers, status: number, message: string): Response {
  const headers = { ...NOSNIFF, ...requestIdHeader(asked.get('x-request-id')) }
  return new Response(`${message}\n`, { status, headers })
}
