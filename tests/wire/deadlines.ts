import { afterAll } from 'vitest'
import { Raw } from './raw.ts'
import type { Server } from './server.ts'

/** Deadlines that are short enough to be waited for, in seconds. */

export const LEASE = 6
export const GRACE = 4
const OFFER = 2
export const REGISTER = 2
export const STATUS = 2
export const BACKOFF = 2

export const SETTINGS = {
  heartbeat_seconds: 1,
  lease_seconds: LEASE,
  grace_seconds: GRACE,
  offer_seconds: OFFER,
  register_seconds: REGISTER,
  status_seconds: STATUS,
  backoff_seconds: BACKOFF,
  backoff_seconds_max: 60,
}
/** Timers of two processes do not agree to the millisecond. */
export const SLACK_MS = 50
export const MINUTE = { timeout: 180_000 }

/** Makes robots that keep sending heartbeats, without a list of their jobs. */
export function breathing(server: Server): (more?: Readonly<Record<string, unknown>>) => Promise<Raw> {
  const beats = new Set<NodeJS.Timeout>()
  afterAll(() => {
    for (const beat of beats) clearInterval(beat)
  })

  return async (more = {}) => {
    const robot = await Raw.register(server, more)
    const beat = setInterval(() => robot.wire.send('heartbeat', { robot_id: robot.id }), 1_000)
    beats.add(beat)
    void robot.wire.closed.then(() => clearInterval(beat))
    return robot
  }
}
