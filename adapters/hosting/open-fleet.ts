import type { Millis } from '../../core/base/ids.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { isIdle } from '../../core/explain/stats.ts'

/** The open fleets of a process, and their holders. */

/** A fleet that stays open until `release` is called. */
export interface FleetHandle {
  readonly fleet: Fleet
  /** Calling it again changes nothing. */
  release(): void
}

export interface OpenFleet {
  readonly name: string
  readonly fleet: Fleet
  /** Requests and connections that hold it: all, and those without a key, which are given up first. */
  uses: number
  unauthenticated: number
  /** The last instant at which one of the latter took it. */
  unauthenticatedAt: number
  /** The last instant at which it was held, or had a job. */
  busyAt: number
  closed: boolean
}

/**
 * The idle time after which a fleet may be closed for another. A shorter one would let requests to many fleets in turn
 * open and close files faster than the addon releases them.
 */
export const IDLE_BEFORE_CLOSE_MS = 10_000

/** A fleet that was just opened, without holders. */
export function newOpenFleet(name: string, fleet: Fleet): OpenFleet {
  return { name, fleet, uses: 0, unauthenticated: 0, busyAt: -Infinity, unauthenticatedAt: -Infinity, closed: false }
}

/** True if only callers without a key have used it lately. */
export function isUsedWithoutKeysOnly(entry: OpenFleet, now: Millis): boolean {
  return entry.uses === 0 && now - entry.busyAt >= IDLE_BEFORE_CLOSE_MS && isIdle(entry.fleet.state)
}

/**
 * Holds a fleet open. For a caller that only has an address, which many know, the hold lasts only until a caller with a
 * key needs the place.
 */
export function acquireFleet(entry: OpenFleet, by: 'key' | 'address', now: () => Millis): FleetHandle {
  const count = by === 'key' ? 'uses' : 'unauthenticated'
  const at = by === 'key' ? 'busyAt' : 'unauthenticatedAt'
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
