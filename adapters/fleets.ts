import { Bug } from '../core/assert.ts'
import type { Settings } from '../core/limits.ts'
import { isRefusal, type Refusal, refuse } from '../core/protocol/refusal.ts'
import { isAtRest } from '../core/rest.ts'
import { DEFAULT_FLEET, isFleetName } from './fleet-path.ts'
import { type Fleet, openFleet, type Platform } from './fleet.ts'
import type { Fleets } from './http/fleets.ts'
import { createKey } from './library.ts'
import { type Store, StoreDamaged } from './store/contract.ts'

/** Where the fleets of one process are kept. What is there is the registry: nobody else knows which fleets exist. */
export interface FleetStores {
  /** In any order. */
  names(): Promise<readonly string[]>
  has(name: string): boolean
  /** Throws when it cannot be used. */
  open(name: string): Promise<Store>
  /** Makes one that `fill` begins and closes. It exists, durably, once that is done, and not at all if it fails. */
  create(name: string, fill: (store: Store) => Promise<void>): Promise<void>
}

/** A fleet that stays open until `done` is called. */
export interface UsedFleet {
  readonly fleet: Fleet
  /** Calling it again changes nothing. */
  done(): void
}

/** The fleets of one process, besides the default one: opened on first use, closed when nothing is going on in them. */
export interface FleetHost extends Fleets {
  /** NOT_FOUND for a fleet that does not exist, UNAVAILABLE when as many as may be are open and busy. */
  use(name: string): Promise<UsedFleet | Refusal>
  /**
   * Opens each fleet once, so that what is due in it happens, and from then on looks now and then which may be closed.
   * One that cannot be opened keeps no other from it.
   */
  start(): Promise<void>
  /** From here on nothing new is taken in or offered, in any fleet. */
  drain(): void
  /** Closes every fleet. */
  stop(): Promise<void>
}

interface Open {
  readonly name: string
  readonly fleet: Fleet
  /** Requests and connections that hold it. */
  uses: number
  /** When somebody last held it, or a job was last seen in it. */
  busyAt: number
  closed: boolean
}

/**
 * A fleet makes room for another once it has been idle for this long. Sooner would let requests to many fleets in turn
 * open and close files faster than the addon lets go of them.
 */
const ROOM_MS = 10_000

/** How often it is looked for fleets that may be closed, at the least. */
const LOOK_MS_MAX = 60_000

/** Hosts fleets. `gone` is called when the process must end: another one has taken a fleet's database over. */
export function hostFleets(
  stores: FleetStores,
  newPlatform: (fleet: string) => Platform,
  settings: Settings,
  gone: (error: Error) => void,
): FleetHost {
  const platform = newPlatform(DEFAULT_FLEET)
  const steady = platform.steady ?? platform.now
  const opened = new Map<string, Promise<Open | Refusal>>()
  const fleets = new Set<Open>()
  const closing = new Map<string, Promise<void>>()
  const making = new Set<string>()
  /** Those in whose database damage has been found: nothing of them is served until the process begins anew. */
  const damaged = new Set<string>()
  /** Those that have not been looked into since the process began. */
  let unseen: readonly string[] = []
  let timer: NodeJS.Timeout | undefined
  let draining = false
  let stopping = false

  /** A clock, an alarm and log lines of the fleet's own. */
  function platformOf(name: string): Platform {
    const own = newPlatform(name)
    return { ...own, log: (level, message, details) => own.log(level, message, { fleet: name, ...details }) }
  }

  async function open(name: string): Promise<Open | Refusal> {
    try {
      const store = await stores.open(name)
      const fleet: Fleet = await openFleet(store, platformOf(name), settings, (error) => lost(entry, error))
        .catch(async (error: unknown) => {
          await store.close()
          throw error
        })
      const entry: Open = { name, fleet, uses: 0, busyAt: -Infinity, closed: false }
      fleets.add(entry)
      if (draining) fleet.drain()
      return entry
    } catch (error) {
      opened.delete(name)
      platform.log('error', 'a fleet cannot be opened', { fleet: name, error: String(error) })
      return refuse('UNAVAILABLE', `The fleet ${name} cannot be opened now`)
    }
  }

  /** A bug that comes at once again, or damage, closes the fleet that has it; the others are not to suffer for it. */
  function lost(entry: Open, error: Error): void {
    if (error instanceof StoreDamaged) {
      damaged.add(entry.name)
      platform.log('error', 'a fleet is closed: its database is damaged', { fleet: entry.name, error: error.message })
    } else if (error instanceof Bug) {
      platform.log('error', 'a fleet is closed; its next use opens it again', {
        fleet: entry.name,
        error: String(error),
      })
    } else return gone(error)
    void close(entry)
  }

  function close(entry: Open): Promise<void> {
    if (entry.closed) return closing.get(entry.name) ?? Promise.resolve()
    entry.closed = true
    fleets.delete(entry)
    opened.delete(entry.name)
    const end = entry.fleet.stop()
      .catch((error: unknown) =>
        platform.log('error', 'a fleet could not be closed', { fleet: entry.name, error: String(error) })
      )
      .finally(() => closing.delete(entry.name))
    closing.set(entry.name, end)
    return end
  }

  /**
   * Closes a fleet that nobody would miss: nobody holds it, and nothing is to happen in it by itself, not even in a job
   * whose time is so far off that it is on disk only. False when somebody would.
   */
  async function closeIfIdle(entry: Open): Promise<boolean> {
    const { fleet } = entry
    const rests = (): boolean =>
      !entry.closed && entry.uses === 0 && fleet.phase === 'running' && !fleet.isWatched && isAtRest(fleet.state)
    if (!rests()) return false
    const far = await fleet.queries.jobs({ status: ['pending'], limit: 1 }).catch((error: unknown) => {
      platform.log('error', 'a fleet cannot be read', { fleet: entry.name, error: String(error) })
      return null
    })
    // Somebody may have come meanwhile; from here to the closing nobody can.
    if (far === null || far.items.length > 0 || !rests()) return false
    await close(entry)
    return true
  }

  /** Closes the fleet that has been idle the longest. False when none has been for long enough. */
  async function makeRoom(): Promise<boolean> {
    for (const entry of [...fleets].toSorted((a, b) => a.busyAt - b.busyAt)) {
      if (steady() - entry.busyAt < ROOM_MS) return false
      if (await closeIfIdle(entry)) return true
    }
    return false
  }

  async function use(name: string): Promise<UsedFleet | Refusal> {
    for (;;) {
      await closing.get(name)
      if (stopping) return refuse('UNAVAILABLE', 'The orchestrator is shutting down')
      let opening = opened.get(name)
      if (opening === undefined) {
        if (!stores.has(name)) return refuse('NOT_FOUND', `There is no fleet ${name}`)
        if (damaged.has(name)) return refuse('UNAVAILABLE', `The database of the fleet ${name} is damaged`)
        if (opened.size >= settings.fleetsOpenMax) {
          if (await makeRoom()) continue
          return refuse('UNAVAILABLE', `All of the ${settings.fleetsOpenMax} fleets that may be open are busy`)
        }
        opened.set(name, opening = open(name))
      }
      const entry = await opening
      if (isRefusal(entry)) return entry
      if (!entry.closed) return hold(entry)
    }
  }

  function hold(entry: Open): UsedFleet {
    entry.uses++
    let held = true
    return {
      fleet: entry.fleet,
      done() {
        if (!held) return
        held = false
        entry.uses--
        entry.busyAt = steady()
      },
    }
  }

  /** Looks into the fleets that nobody has looked into, and closes those that have been idle for long enough. */
  async function look(): Promise<void> {
    for (const entry of fleets) {
      if (entry.uses > 0 || !isAtRest(entry.fleet.state)) entry.busyAt = steady()
      else if (steady() - entry.busyAt >= settings.fleetIdleMs) await closeIfIdle(entry)
    }
    const names = unseen
    unseen = []
    for (const name of names) {
      if (stopping) return
      // Opening does not wait for anything, and requests must not wait for all of it.
      await new Promise<void>((resolve) => platform.soon(resolve))
      const used = await use(name)
      if (isRefusal(used)) {
        if (stores.has(name)) unseen = [...unseen, name]
        continue
      }
      used.done()
      const entry = await opened.get(name)
      if (entry !== undefined && !isRefusal(entry)) await closeIfIdle(entry)
    }
    // Those that cannot be opened have been told of.
    if (opened.size >= settings.fleetsOpenMax && unseen.length > 0) {
      platform.log('warn', 'fleets wait for others to end: see fleets_open_max', { fleets: unseen.length })
    }
  }

  async function names(): Promise<readonly string[]> {
    return (await stores.names()).filter((name) => isFleetName(name) && name !== DEFAULT_FLEET).toSorted()
  }

  function lookAgain(): void {
    timer = setTimeout(() => void look().finally(() => stopping || lookAgain()), lookMs(settings.fleetIdleMs))
  }

  return {
    use,
    async create(name) {
      if (name === DEFAULT_FLEET || making.has(name) || stores.has(name)) {
        return refuse('CONFLICT', `The fleet ${name} exists`)
      }
      if (stopping) return refuse('UNAVAILABLE', 'The orchestrator is shutting down')
      making.add(name)
      try {
        let adminKey = ''
        await stores.create(name, async (store) => {
          const fleet = await openFleet(store, platformOf(name), settings, () => {})
          adminKey = await createKey(fleet, 'admin', ['admin'])
          await fleet.stop()
        })
        return { adminKey }
      } catch (error) {
        platform.log('error', 'a fleet cannot be made', { fleet: name, error: String(error) })
        return refuse('UNAVAILABLE', `The fleet ${name} cannot be made now`)
      } finally {
        making.delete(name)
      }
    },
    names,
    async start() {
      unseen = await names()
      await look()
      lookAgain()
    },
    drain() {
      draining = true
      for (const { fleet } of fleets) fleet.drain()
    },
    async stop() {
      stopping = true
      clearTimeout(timer)
      await Promise.all(opened.values())
      await Promise.all([...fleets].map(close))
      await Promise.all(closing.values())
    },
  }
}

function lookMs(idleMs: number): number {
  return Math.min(LOOK_MS_MAX, Math.max(50, idleMs / 5))
}
