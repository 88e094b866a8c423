import type { Settings } from '../../core/settings.ts'
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import { DEFAULT_FLEET, isFleetName } from '../fleet/path.ts'
import { type Fleet, openFleet, type Platform } from '../fleet/fleet.ts'
import { FleetCache } from './fleet-cache.ts'
import type { FleetRegistry } from '../http/routes/fleets.ts'
import { createKey } from '../commands/installation.ts'
import { openEmptyFleet } from './empty-fleet.ts'
import type { FleetHandle } from './open-fleet.ts'
import type { Store } from '../store/contract.ts'
import { type AccessList, accessListOf, isOnAccessList, type RequestIdentity, UNKNOWN_KEY } from './access-list.ts'

/** Where the fleets of one process are kept. What is there is the registry: nobody else knows which fleets exist. */
export interface FleetStores {
  /** In any order. */
  names(): Promise<readonly string[]>
  has(name: string): boolean
  /** Throws when it cannot be used. */
  open(name: string): Promise<Store>
  /** Makes one that `initialize` begins and closes. It exists, durably, once that is done, and not at all if it fails. */
  create(name: string, initialize: (store: Store) => Promise<void>): Promise<void>
}

/** How often it is looked for fleets that may be closed, at the least. */
const LOOK_MS_MAX = 60_000

/** The fleets of one process, besides the default one: opened on first use, closed when nothing is going on in them. */
export class FleetHost implements FleetRegistry {
  readonly #stores: FleetStores
  readonly #newPlatform: (fleet: string) => Platform
  readonly #settings: Settings
  readonly #platform: Platform
  readonly #cache: FleetCache
  readonly #making = new Set<string>()
  /** Those that have not been looked into since the process began. */
  #unopened: readonly string[] = []
  #emptyFleet: Promise<Fleet> | undefined
  #timer: NodeJS.Timeout | undefined
  #stopping = false

  /** `onFatal` is called when the process must end: another one has taken a fleet's database over. */
  constructor(
    stores: FleetStores,
    newPlatform: (fleet: string) => Platform,
    settings: Settings,
    onFatal: (error: Error) => void,
  ) {
    this.#stores = stores
    this.#newPlatform = newPlatform
    this.#settings = settings
    const platform = this.#platform = newPlatform(DEFAULT_FLEET)
    this.#cache = new FleetCache({
      open: (name) => stores.open(name),
      platformOf: (name) => this.#platformOf(name),
      settings,
      monotonic: platform.monotonic ?? platform.now,
      log: platform.log,
      onFatal,
    })
  }

  /**
   * UNAVAILABLE when as many as may be are open and busy, NOT_FOUND for a fleet that does not exist. A caller whom the fleet
   * does not know gets AUTHENTICATION_FAILED, whether it exists or not, and opens none.
   */
  async acquire(name: string, identity: RequestIdentity | null = null): Promise<FleetHandle | Refusal> {
    for (;;) {
      await this.#cache.whenClosed(name)
      if (this.#stopping) return refuse('UNAVAILABLE', 'The orchestrator is shutting down')
      let opening = this.#cache.get(name)
      if (opening === undefined) {
        const refusal = this.#whyNotOpened(name, identity)
        if (refusal !== null) return refusal
        const keyed = this.#mayHaveKey(name, identity)
        if (this.#cache.isFullFor(keyed)) {
          if (await this.#cache.makeRoom(keyed)) continue
          return refuse('UNAVAILABLE', `All of the ${this.#settings.fleetsOpenMax} fleets that may be open are busy`)
        }
        opening = this.#cache.open(name)
      }
      const entry = await opening
      if (isRefusal(entry)) return entry
      if (!entry.closed) return this.#cache.acquire(entry, identity)
    }
  }

  /** A fleet without rows, which answers those whom no fleet knows. */
  emptyFleet(): Promise<Fleet> {
    return this.#emptyFleet ??= openEmptyFleet(this.#platform, this.#settings)
  }

  async create(name: string): Promise<{ readonly adminKey: string } | Refusal> {
    if (name === DEFAULT_FLEET || this.#making.has(name) || this.#stores.has(name)) {
      return refuse('CONFLICT', `The fleet ${name} exists`)
    }
    if (this.#stopping) return refuse('UNAVAILABLE', 'The orchestrator is shutting down')
    this.#making.add(name)
    try {
      return { adminKey: await this.#make(name) }
    } catch (error) {
      this.#platform.log('error', 'a fleet cannot be made', { fleet: name, error: String(error) })
      return refuse('UNAVAILABLE', `The fleet ${name} cannot be made now`)
    } finally {
      this.#making.delete(name)
    }
  }

  async names(): Promise<readonly string[]> {
    return (await this.#stores.names()).filter((name) => isFleetName(name) && name !== DEFAULT_FLEET).toSorted()
  }

  /**
   * Opens each fleet once, so that what is due in it happens, and from then on looks now and then which may be closed.
   * One that cannot be opened keeps no other from it.
   */
  async start(): Promise<void> {
    this.#unopened = await this.names()
    await this.#look()
    this.#lookAgain()
  }

  /** From here on nothing new is taken in or offered, in any fleet. */
  drain(): void {
    this.#cache.drain()
    void this.#emptyFleet?.then((fleet) => fleet.drain())
  }

  /** Closes every fleet. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    await this.#cache.stop()
    await (await this.#emptyFleet)?.stop()
  }

  #platformOf(name: string): Platform {
    const own = this.#newPlatform(name)
    return { ...own, log: (level, message, details) => own.log(level, message, { fleet: name, ...details }) }
  }

  /** Why a fleet that is closed is not opened for this visitor; null when it is. */
  #whyNotOpened(name: string, identity: RequestIdentity | null): Refusal | null {
    if (!this.#stores.has(name)) {
      return identity === null ? refuse('NOT_FOUND', `There is no fleet ${name}`) : UNKNOWN_KEY
    }
    const accessList = this.#cache.accessList(name)
    if (identity !== null && accessList !== undefined && !isOnAccessList(accessList, identity)) return UNKNOWN_KEY
    if (this.#cache.isDamaged(name)) return refuse('UNAVAILABLE', `The database of the fleet ${name} is damaged`)
    return null
  }

  /** Whether the visitor of a fleet that is closed counts as one with a key. */
  #mayHaveKey(name: string, identity: RequestIdentity | null): boolean {
    if (identity === null) return true
    return identity.credential !== null && this.#cache.accessList(name)?.keys.has(identity.credential) === true
  }

  /** Makes a fleet, and returns its first admin key. */
  async #make(name: string): Promise<string> {
    let adminKey = ''
    let accessList: AccessList | null = null
    await this.#stores.create(name, async (store) => {
      const fleet = await openFleet(store, this.#platformOf(name), this.#settings, () => {})
      adminKey = await createKey(fleet, 'admin', ['admin'])
      accessList = accessListOf(fleet.state)
      await fleet.stop()
    })
    if (accessList !== null) this.#cache.keepAccessList(name, accessList)
    return adminKey
  }

  /** Looks into the fleets that nobody has looked into, and closes those that have been idle for long enough. */
  async #look(): Promise<void> {
    await this.#cache.closeIdle()
    const names = this.#unopened
    this.#unopened = []
    for (const name of names) {
      if (this.#stopping) return
      // Opening does not wait for anything, and requests must not wait for all of it.
      await new Promise<void>((resolve) => this.#platform.defer(resolve))
      await this.#lookInto(name)
    }
    // Those that cannot be opened have been told of.
    if (this.#cache.isFull && this.#unopened.length > 0) {
      this.#platform.log('warn', 'fleets wait for others to end: see fleets_open_max', {
        fleets: this.#unopened.length,
      })
    }
  }

  async #lookInto(name: string): Promise<void> {
    const handle = await this.acquire(name)
    if (isRefusal(handle)) {
      if (this.#stores.has(name)) this.#unopened = [...this.#unopened, name]
      return
    }
    handle.release()
    const entry = await this.#cache.get(name)
    if (entry !== undefined && !isRefusal(entry)) await this.#cache.closeIfIdle(entry)
  }

  #lookAgain(): void {
    const ms = lookMs(this.#settings.fleetIdleMs)
    this.#timer = setTimeout(() => void this.#look().finally(() => this.#stopping || this.#lookAgain()), ms)
  }
}

function lookMs(idleMs: number): number {
  return Math.min(LOOK_MS_MAX, Math.max(50, idleMs / 5))
}
