import type { Platform } from '../../adapters/fleet.ts'
import { type FleetHost, type FleetStores, hostFleets } from '../../adapters/fleets.ts'
import type { UsedFleet } from '../../adapters/open-fleet.ts'
import { expect } from 'vitest'
import type { Store } from '../../adapters/store/contract.ts'
import { MemoryDisk, memoryStore } from '../../adapters/store/memory.ts'
import { DEFAULTS, type Settings } from '../../core/limits.ts'
import { isRefusal } from '../../core/protocol/refusal.ts'
import { START } from '../core/rows.ts'

/** A host of fleets on disks in memory, with a clock in the hands of the test. */

export interface Lab {
  readonly host: FleetHost
  readonly disks: ReadonlyMap<string, MemoryDisk>
  readonly clock: { now: number }
  readonly gone: readonly Error[]
  /** What the next commit of a fleet, or its opening, fails with. */
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
  let id = 0
  const platform = (): Platform => ({
    hibernates: false,
    now: () => clock.now,
    uuid: () => `uuid-${++id}`,
    rowId: () => `row-${++id}`,
    seed: () => 1,
    soon: (run) => void setImmediate(run),
    post: () => Promise.reject(new Error('there is no network')),
    alarm: (_at, ring) => void setImmediate(ring),
    log: (_level, message) => void logs.push(message),
  })
  const storeOf = (name: string, disk: MemoryDisk): Store => {
    const inner = memoryStore(disk)
    open.add(name)
    return {
      ...inner,
      commit(out) {
        const failure = failures.get(name)?.shift()
        if (failure !== undefined) throw failure
        return inner.commit(out)
      },
      queries: {
        ...inner.queries,
        async jobs(query) {
          const failure = failures.get(`read ${name}`)?.shift()
          if (failure !== undefined) throw failure
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
  const stores: FleetStores = {
    names: async () => [...disks.keys()],
    has: (name) => disks.has(name),
    async open(name) {
      const disk = disks.get(name)
      const failure = disk === undefined ? new Error('no such disk') : failures.get(`open ${name}`)?.shift()
      if (disk === undefined || failure !== undefined) throw failure
      expect(open.has(name)).toBe(false)
      return storeOf(name, disk)
    },
    async create(name, fill) {
      const disk = new MemoryDisk()
      await fill(storeOf(`draft of ${name}`, disk))
      disks.set(name, disk)
    },
  }
  const host = hostFleets(stores, platform, { ...DEFAULTS, robotsAuth: 'open', ...settings }, (e) => void gone.push(e))
  return { host, disks, clock, gone, failures, open, logs }
}

/** A fleet that is there to be used. */
export async function used(host: FleetHost, name: string): Promise<UsedFleet> {
  const got = await host.use(name)
  if (isRefusal(got)) throw new Error(got.message)
  return got
}
