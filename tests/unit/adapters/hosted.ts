import type { Platform } from '../../../adapters/fleet/fleet.ts'
import { FleetHost, type FleetStores } from '../../../adapters/hosting/fleets.ts'
import type { FleetHandle } from '../../../adapters/hosting/open-fleet.ts'
import { expect } from 'vitest'
import type { Store } from '../../../adapters/store/contract.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import { DEFAULTS, type Settings } from '../../../core/settings.ts'
import { isRefusal } from '../../../core/base/refusal.ts'
import { START } from '../../core/bench.ts'
import { MemoryDisk } from '../../../adapters/store/memory-disk.ts'

/** A host of fleets on disks in memory, with a clock in the hands of the test. */

export interface Lab {
  readonly host: FleetHost
  readonly disks: ReadonlyMap<string, MemoryDisk>
  readonly clock: { now: number }
  readonly gone: readonly Error[]
  /** Errors for the next commit of a fleet, or for its opening. */
  readonly failures: Map<string, Error[]>
  /** The names of the fleets that are open, in the order in which they were opened. */
  readonly open: Set<string>
  readonly logs: readonly string[]
}

/** A host of these fleets, each with an empty disk. */
export function lab(names: readonly string[], settings: Partial<Settings> = {}): Lab {
  const disks = new Map(names.map((name) => [name, new MemoryDisk()]))
  const clock = { now: START }
  const gone: Error[] = []
  const failures = new Map<string, Error[]>()
  const open = new Set<string>()
  const logs: string[] = []
  const stores = storesOn(disks, failures, open)
  const platform = platformWith(clock, logs)
  const all = { ...DEFAULTS, robotsAuth: 'open', ...settings } as const
  const host = new FleetHost(stores, platform, all, (error) => void gone.push(error))
  return { host, disks, clock, gone, failures, open, logs }
}

function platformWith(clock: Lab['clock'], logs: string[]): () => Platform {
  let id = 0
  return () => ({
    hibernates: false,
    now: () => clock.now,
    uuid: () => `uuid-${++id}`,
    rowId: () => `row-${++id}`,
    seed: () => 1,
    defer: (run) => void setImmediate(run),
    post: () => Promise.reject(new Error('there is no network')),
    setAlarm: (_at, ring) => void setImmediate(ring),
    log: (_level, message) => void logs.push(message),
  })
}

function storesOn(disks: Map<string, MemoryDisk>, failures: Lab['failures'], open: Set<string>): FleetStores {
  const fail = (what: string): void => {
    const failure = failures.get(what)?.shift()
    if (failure !== undefined) throw failure
  }
  const storeOf = (name: string, disk: MemoryDisk): Store => {
    const inner = memoryStore(disk)
    open.add(name)
    return {
      ...inner,
      commit(out) {
        fail(name)
        return inner.commit(out)
      },
      queries: {
        ...inner.queries,
        async jobs(query) {
          fail(`read ${name}`)
          return inner.queries.jobs(query)
        },
      },
      async close() {
        // As a file does, it takes a while.
        await new Promise((resolve) => setImmediate(resolve))
        open.delete(name)
      },
    }
  }
  return {
    names: async () => [...disks.keys()],
    has: (name) => disks.has(name),
    async open(name) {
      const disk = disks.get(name)
      if (disk === undefined) throw new Error('no such disk')
      fail(`open ${name}`)
      expect(open.has(name)).toBe(false)
      return storeOf(name, disk)
    },
    async create(name, fill) {
      const disk = new MemoryDisk()
      await fill(storeOf(`draft of ${name}`, disk))
      disks.set(name, disk)
    },
  }
}

/** A fleet that is there to be used. */
export async function used(host: FleetHost, name: string): Promise<FleetHandle> {
  const got = await host.acquire(name)
  if (isRefusal(got)) throw new Error(got.message)
  return got
}
