import type { Millis } from '../../core/base/ids.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { isIdle } from '../../core/explain/stats.ts'

/** The open fleets of one process, and who holds them open. */

/** A fleet that stays open until `release` is called. */
export interface FleetHandle {
  readonly fleet: Fleet
  /** Calling it again changes nothing. */
  release(): void
}

export interface OpenFleet {
  readonly name: string
  readonly fleet: Fleet
  /** Requests and connections that hold it, and those of them that show no key: these are given up first. */
  uses: number
  strangers: number
  /** When one of the latter last did. */
  strangerAt: number
  /** When somebody last held it, or a job was last seen in it. */
  busyAt: number
  closed: boolean
}

/**
 * A fleet makes room for another once it has been idle for this long. Sooner would let requests to many fleets in turn
 * open and close files faster than the addon lets go of them.
 */
export const IDLE_BEFORE_CLOSE_MS = 10_000

/** One that has just been opened, and that nobody holds. */
export function newOpenFleet(name: string, fleet: Fleet): OpenFleet {
  return { name, fleet, uses: 0, strangers: 0, busyAt: -Infinity, strangerAt: -Infinity, closed: false }
}

/** Whether those who show no key alone have had to do with it of late. */
export function isUsedByStrangersOnly(entry: OpenFleet, now: Millis): boolean {
  return entry.uses === 0 && now - entry.busyAt >= IDLE_BEFORE_CLOSE_MS && isIdle(entry.fleet.state)
}

/**
 * Holds a fleet open: for somebody with a key, or for who has an address, which is known to many, only as long as nobody with a
 * key needs the place.
 */
export function acquireFleet(entry: OpenFleet, by: 'key' | 'address', now: () => Millis): FleetHandle {
  const count = by === 'key' ? 'uses' : 'strangers'
  const at = by === 'key' ? 'busyAt' : 'strangerAt'
  entry[count]++
  let held = true
  return {
    fleet: entry.fleet,
    release() {
      if (!held) return
      held = false
      entry[count]--
      entry[at] = now()
    },
  }
}
