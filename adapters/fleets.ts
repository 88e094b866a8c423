import { Bug } from '../core/assert.ts'
import type { Settings } from '../core/limits.ts'
import { isRefusal, type Refusal, refuse } from '../core/protocol/refusal.ts'
import { isAtRest } from '../core/rest.ts'
import { DEFAULT_FLEET, isFleetName } from './fleet-path.ts'
import { type Fleet, openFleet, type Platform } from './fleet.ts'
import type { Fleets } from './http/fleets.ts'
import { createKey } from './library.ts'
import { openLobby } from './lobby.ts'
import { type Store, StoreDamaged } from './store/contract.ts'
import { hold, isStrangers, newOpen, type Open, ROOM_MS, type UsedFleet } from './open-fleet.ts'
import { type Doors, doorsOf, hasKey, isKnownBy, isKnownTo, STRANGER, type Visitor } from './visitor.ts'

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

/** The fleets of one process, besides the default one: opened on first use, closed when nothing is going on in them. */
export interface FleetHost extends Fleets {
  /**
   * UNAVAILABLE when as many as may be are open and busy, NOT_FOUND for a fleet that does not exist. A visitor whom the fleet
   * does not know gets AUTHENTICATION_FAILED, whether it exists or not, and opens none.
   */
  use(name: string, visitor?: Visitor): Promise<UsedFleet | Refusal>
  /** Who is in no fleet is served here. */
  lobby(): Promise<Fleet>
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
  /** Whom those that are closed are opened for. One that is not here has to be opened to know. */
  const seen = new Map<string, Doors>()
  /** Those that have not been looked into since the process began. */
  let unseen: readonly string[] = []
  let lobby: Promise<Fleet> | undefined
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
      const entry = newOpen(name, fleet)
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
    // What it had in memory may be ahead of its disk.
    seen.delete(entry.name)
  }

  function close(entry: Open): Promise<void> {
    if (entry.closed) return closing.get(entry.name) ?? Promise.resolve()
    entry.closed = true
    fleets.delete(entry)
    opened.delete(entry.name)
    seen.set(entry.name, doorsOf(entry.fleet.state))
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
   * whose time is so far off that it is on disk only. False when somebody would. Strangers are not asked where somebody with
   * a key needs the room.
   */
  async function closeIfIdle(entry: Open, forKey = false): Promise<boolean> {
    const { fleet } = entry
    const rests = (): boolean =>
      !entry.closed && entry.uses === 0 && (forKey || entry.strangers === 0) && fleet.phase === 'running' &&
      !fleet.isWatched && isAtRest(fleet.state)
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
  async function makeRoom(forKey: boolean): Promise<boolean> {
    for (const entry of [...fleets].toSorted((a, b) => a.busyAt - b.busyAt)) {
      if (steady() - entry.busyAt < ROOM_MS) return false
      if (!forKey && steady() - entry.strangerAt < ROOM_MS) continue
      if (await closeIfIdle(entry, forKey)) return true
    }
    return false
  }

  /** Strangers may have half of the places: the others are kept for those who have a key. */
  function isFullFor(keyed: boolean): boolean {
    if (opened.size >= settings.fleetsOpenMax) return true
    return !keyed &&
      [...fleets].filter((entry) => isStrangers(entry, steady())).length >= Math.ceil(settings.fleetsOpenMax / 2)
  }

  async function use(name: string, visitor: Visitor | null = null): Promise<UsedFleet | Refusal> {
    for (;;) {
      await closing.get(name)
      if (stopping) return refuse('UNAVAILABLE', 'The orchestrator is shutting down')
      let opening = opened.get(name)
      if (opening === undefined) {
        if (!stores.has(name)) return visitor === null ? refuse('NOT_FOUND', `There is no fleet ${name}`) : STRANGER
        const doors = seen.get(name)
        if (visitor !== null && doors !== undefined && !isKnownBy(doors, visitor)) return STRANGER
        if (damaged.has(name)) return refuse('UNAVAILABLE', `The database of the fleet ${name} is damaged`)
        const keyed = visitor === null || (visitor.credential !== null && doors?.keys.has(visitor.credential) === true)
        if (isFullFor(keyed)) {
          if (await makeRoom(keyed)) continue
          return refuse('UNAVAILABLE', `All of the ${settings.fleetsOpenMax} fleets that may be open are busy`)
        }
        opened.set(name, opening = open(name))
      }
      const entry = await opening
      if (isRefusal(entry)) return entry
      if (entry.closed) continue
      const { state } = entry.fleet
      if (visitor === null || hasKey(state, visitor.credential)) return hold(entry, 'key', steady)
      return isKnownTo(state, visitor) ? hold(entry, 'address', steady) : STRANGER
    }
  }

  /** Looks into the fleets that nobody has looked into, and closes those that have been idle for long enough. */
  async function look(): Promise<void> {
    for (const entry of fleets) {
      if (entry.uses > 0 || !isAtRest(entry.fleet.state)) entry.busyAt = steady()
      else if (steady() - Math.max(entry.busyAt, entry.strangerAt) >= settings.fleetIdleMs) await closeIfIdle(entry)
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
    lobby: () => lobby ??= openLobby(platform, settings),
    async create(name) {
      if (name === DEFAULT_FLEET || making.has(name) || stores.has(name)) {
        return refuse('CONFLICT', `The fleet ${name} exists`)
      }
      if (stopping) return refuse('UNAVAILABLE', 'The orchestrator is shutting down')
      making.add(name)
      try {
        let adminKey = ''
        let doors: Doors | null = null
        await stores.create(name, async (store) => {
          const fleet = await openFleet(store, platformOf(name), settings, () => {})
          adminKey = await createKey(fleet, 'admin', ['admin'])
          doors = doorsOf(fleet.state)
          await fleet.stop()
        })
        if (doors !== null) seen.set(name, doors)
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
      void lobby?.then((fleet) => fleet.drain())
    },
    async stop() {
      stopping = true
      clearTimeout(timer)
      await Promise.all(opened.values())
      await Promise.all([...fleets].map(close))
      await Promise.all(closing.values())
      await (await lobby)?.stop()
    },
  }
}

function lookMs(idleMs: number): number {
  return Math.min(LOOK_MS_MAX, Math.max(50, idleMs / 5))
}
