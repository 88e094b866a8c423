import { Bug } from '../../core/base/assert.ts'
import type { Settings } from '../../core/settings.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import { openFleet, type Platform } from '../fleet/fleet.ts'
import {
  acquireFleet,
  type FleetHandle,
  IDLE_BEFORE_CLOSE_MS,
  isUsedWithoutKeysOnly,
  newOpenFleet,
  type OpenFleet,
} from './open-fleet.ts'
import { type Store, StoreDamaged } from '../store/contract.ts'
import {
  type AccessList,
  accessListOf,
  isKnownToFleet,
  isValidKey,
  type RequestIdentity,
  UNKNOWN_KEY,
} from './access-list.ts'
import { isIdle } from '../../core/explain/stats.ts'

/** The environment of the fleets of a process. */
export interface FleetCacheHost {
  /** Throws when the store cannot be used. */
  open(name: string): Promise<Store>
  /** A platform with a clock, an alarm and log lines of the fleet's own. */
  platformOf(name: string): Platform
  readonly settings: Settings
  readonly monotonic: Platform['now']
  readonly log: Platform['log']
  /** Another process has taken over a fleet's database: this process must end. */
  onFatal(error: Error): void
}

/** The open fleets of a process. Idle ones are closed to make room for others. */
export class FleetCache {
  readonly #host: FleetCacheHost
  readonly #entries = new Map<string, Promise<OpenFleet | Refusal>>()
  readonly #open = new Set<OpenFleet>()
  readonly #closing = new Map<string, Promise<void>>()
  /** Fleets with a damaged database: they are not served until the process restarts. */
  readonly #damaged = new Set<string>()
  /** The access lists of closed fleets. A fleet without one has to be opened to check. */
  readonly #accessLists = new Map<string, AccessList>()
  #draining = false

  constructor(host: FleetCacheHost) {
    this.#host = host
  }

  get isFull(): boolean {
    return this.#entries.size >= this.#host.settings.fleetsOpenMax
  }

  /** True if there is no place left. Callers without a key may take half of the places only. */
  isFullFor(keyed: boolean): boolean {
    if (this.isFull) return true
    if (keyed) return false
    const keyless = [...this.#open].filter((entry) => isUsedWithoutKeysOnly(entry, this.#host.monotonic()))
    return keyless.length >= Math.ceil(this.#host.settings.fleetsOpenMax / 2)
  }

  isDamaged(name: string): boolean {
    return this.#damaged.has(name)
  }

  /** The access list of a closed fleet; undefined if it has to be opened to check. */
  accessList(name: string): AccessList | undefined {
    return this.#accessLists.get(name)
  }

  keepAccessList(name: string, list: AccessList): void {
    this.#accessLists.set(name, list)
  }

  /** A fleet that is open or being opened. */
  get(name: string): Promise<OpenFleet | Refusal> | undefined {
    return this.#entries.get(name)
  }

  open(name: string): Promise<OpenFleet | Refusal> {
    const opening = this.#openNow(name)
    this.#entries.set(name, opening)
    return opening
  }

  async #openNow(name: string): Promise<OpenFleet | Refusal> {
    const { settings, log } = this.#host
    try {
      const store = await this.#host.open(name)
      const fleet = await openFleet(store, this.#host.platformOf(name), settings, (error) => this.#lost(entry, error))
        .catch(async (error: unknown) => {
          await store.close()
          throw error
        })
      const entry: OpenFleet = newOpenFleet(name, fleet)
      this.#open.add(entry)
      if (this.#draining) fleet.drain()
      return entry
    } catch (error) {
      this.#entries.delete(name)
      log('error', 'a fleet cannot be opened', { fleet: name, error: String(error) })
      return refuse('UNAVAILABLE', `The fleet ${name} cannot be opened now`)
    }
  }

  /** Closes a fleet after a bug that recurred at once, or after damage. The other fleets continue. */
  #lost(entry: OpenFleet, error: Error): void {
    const { log, onFatal } = this.#host
    const { name } = entry
    if (error instanceof StoreDamaged) {
      this.#damaged.add(name)
      log('error', 'a fleet is closed: its database is damaged', { fleet: name, error: error.message })
    } else if (error instanceof Bug) {
      log('error', 'a fleet is closed; its next use opens it again', { fleet: name, error: String(error) })
    } else return onFatal(error)
    void this.#close(entry)
    // Its memory may be ahead of its disk.
    this.#accessLists.delete(name)
  }

  /** Resolves when the fleet of this name is closed; undefined if it is not being closed. */
  whenClosed(name: string): Promise<void> | undefined {
    return this.#closing.get(name)
  }

  #close(entry: OpenFleet): Promise<void> {
    const { name, fleet } = entry
    if (entry.closed) return this.#closing.get(name) ?? Promise.resolve()
    entry.closed = true
    this.#open.delete(entry)
    this.#entries.delete(name)
    this.#accessLists.set(name, accessListOf(fleet.state))
    const end = fleet.stop()
      .catch((error: unknown) =>
        this.#host.log('error', 'a fleet could not be closed', { fleet: name, error: String(error) })
      )
      .finally(() => this.#closing.delete(name))
    this.#closing.set(name, end)
    return end
  }

  /**
   * Closes an idle fleet: one that is not held, and in which nothing will happen by itself, including jobs for a later
   * time that are only on disk. Returns false if it is not idle. With `forKey`, the place is needed for a caller with a
   * key, and holders without one do not count.
   */
  async closeIfIdle(entry: OpenFleet, forKey = false): Promise<boolean> {
    const { fleet } = entry
    const isUnused = (): boolean =>
      !entry.closed && entry.uses === 0 && (forKey || entry.unauthenticated === 0) && fleet.phase === 'running' &&
      !fleet.watchers.any && isIdle(fleet.state)
    if (!isUnused()) return false
    const far = await fleet.queries.jobs({ status: ['pending'], limit: 1 }).catch((error: unknown) => {
      this.#host.log('error', 'a fleet cannot be read', { fleet: entry.name, error: String(error) })
      return null
    })
    // Check again: a caller may have come meanwhile. From here to the closing none can.
    if (far === null || far.items.length > 0 || !isUnused()) return false
    await this.#close(entry)
    return true
  }

  /** Closes the fleet that has been idle the longest. Returns false if none has been idle for long enough. */
  async makeRoom(forKey: boolean): Promise<boolean> {
    const { monotonic } = this.#host
    for (const entry of [...this.#open].toSorted((a, b) => a.busyAt - b.busyAt)) {
      if (monotonic() - entry.busyAt < IDLE_BEFORE_CLOSE_MS) return false
      if (!forKey && monotonic() - entry.unauthenticatedAt < IDLE_BEFORE_CLOSE_MS) continue
      if (await this.closeIfIdle(entry, forKey)) return true
    }
    return false
  }

  /** Closes the fleets that have been idle for long enough. */
  async closeIdle(): Promise<void> {
    const { monotonic, settings } = this.#host
    for (const entry of this.#open) {
      if (entry.uses > 0 || !isIdle(entry.fleet.state)) entry.busyAt = monotonic()
      else if (monotonic() - Math.max(entry.busyAt, entry.unauthenticatedAt) >= settings.fleetIdleMs) {
        await this.closeIfIdle(entry)
      }
    }
  }

  /** Takes a hold on the fleet for a caller that it knows, or for any caller if none is named. */
  acquire(entry: OpenFleet, identity: RequestIdentity | null): FleetHandle | Refusal {
    const { state } = entry.fleet
    const { monotonic } = this.#host
    if (identity === null || isValidKey(state, identity.credential)) return acquireFleet(entry, 'key', monotonic)
    return isKnownToFleet(state, identity) ? acquireFleet(entry, 'address', monotonic) : UNKNOWN_KEY
  }

  /** Accepts and offers nothing new from now on, in every fleet that is or will be open. */
  drain(): void {
    this.#draining = true
    for (const { fleet } of this.#open) fleet.drain()
  }

  /** Closes all fleets. None can be opened afterwards. */
  async stop(): Promise<void> {
    await Promise.all(this.#entries.values())
    await Promise.all([...this.#open].map((entry) => this.#close(entry)))
    await Promise.all(this.#closing.values())
  }
}
