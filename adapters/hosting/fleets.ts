import type { Settings } from '../../core/settings.ts'
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import { isFleetName } from '../../core/base/fleet-name.ts'
import { DEFAULT_FLEET } from '../fleet/path.ts'
import { type Fleet, openFleet, type Platform } from '../fleet/fleet.ts'
import { FleetCache } from './fleet-cache.ts'
import type { FleetRegistry } from '../http/routes/fleets.ts'
import { createKey } from '../commands/installation.ts'
import { openEmptyFleet } from './empty-fleet.ts'
import type { FleetHandle } from './open-fleet.ts'
import type { Store } from '../store/contract.ts'
import { type AccessList, accessListOf, isOnAccessList, type RequestIdentity, UNKNOWN_KEY } from './access-list.ts'

/** The stores of the fleets of a process. They are the only registry of fleets. */
export interface FleetStores {
  /** In any order. */
  names(): Promise<readonly string[]>
  has(name: string): boolean
  /** Throws when the store cannot be used. */
  open(name: string): Promise<Store>
  /**
   * Creates a store that `initialize` fills and closes. Once this resolves it exists durably; if it fails, not at all.
   */
  create(name: string, initialize: (store: Store) => Promise<void>): Promise<void>
}

/** The longest interval between two checks for idle fleets. */
const LOOK_MS_MAX = 60_000

/** The fleets of a process besides the default one: opened on first use, closed when idle. */
export class FleetHost implements FleetRegistry {
  readonly #stores: FleetStores
  readonly #newPlatform: (fleet: string) => Platform
  readonly #settings: Settings
  readonly #platform: Platform
  readonly #cache: FleetCache
  readonly #making = new Set<string>()
  /** Fleets not opened since the process began. */
  #unopened: readonly string[] = []
  #emptyFleet: Promise<Fleet> | undefined
  #timer: NodeJS.Timeout | undefined
  #stopping = false

  /** `onFatal` is called when the process must end, because another one has taken over a fleet's database. */
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
   * Opens a fleet and holds it. Refuses with UNAVAILABLE when the maximum is open and busy, and with NOT_FOUND for a
   * fleet that does not exist. A caller that the fleet does not know gets AUTHENTICATION_FAILED, even if the fleet does
   * not exist, and opens none.
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

  /** A fleet without rows, which answers callers that their fleet does not know. */
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
   * Opens each fleet once, so that work which is due in it happens, and then checks periodically for idle ones. A fleet
   * that cannot be opened does not prevent others.
   */
  async start(): Promise<void> {
    this.#unopened = await this.names()
    await this.#look()
    this.#lookAgain()
  }

  /** Accepts and offers nothing new from now on, in every fleet. */
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

  /** The reason not to open a closed fleet for this caller; null if it may be opened. */
  #whyNotOpened(name: string, identity: RequestIdentity | null): Refusal | null {
    if (!this.#stores.has(name)) {
      return identity === null ? refuse('NOT_FOUND', `There is no fleet ${name}`) : UNKNOWN_KEY
    }
    const accessList = this.#cache.accessList(name)
    if (identity !== null && accessList !== undefined && !isOnAccessList(accessList, identity)) return UNKNOWN_KEY
    if (this.#cache.isDamaged(name)) return refuse('UNAVAILABLE', `The database of the fleet ${name} is damaged`)
    return null
  }

  /** True if the caller of a closed fleet counts as one with a key. */
  #mayHaveKey(name: string, identity: RequestIdentity | null): boolean {
    if (identity === null) return true
    return identity.credential !== null && this.#cache.accessList(name)?.keys.has(identity.credential) === true
  }

  /** Creates a fleet, and returns its first admin key. */
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

  /** Opens the fleets not opened so far, and closes those that have been idle for long enough. */
  async #look(): Promise<void> {
    await this.#cache.closeIdle()
    const names = this.#unopened
    this.#unopened = []
    for (const name of names) {
      if (this.#stopping) return
      // Opening is synchronous work, so let requests run in between.
      await new Promise<void>((resolve) => this.#platform.defer(resolve))
      await this.#lookInto(name)
    }
    // Fleets that failed to open were logged already.
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
