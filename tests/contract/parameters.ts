import { deepStrictEqual as same, ok } from 'node:assert/strict'
import { prefetchOf } from '../../core/prefetch.ts'
import { withoutLongParameters } from '../../core/records/parameters.ts'
import { PARAMETERS_IN_MEMORY_BYTES } from '../../core/settings.ts'
import { type Disk, ids, loaded, SOON } from './disk.ts'
import { job, turn } from './rows.ts'

const text = (bytes: number): string => `{"a":"${'x'.repeat(bytes - 8)}"}`
const SHORT = text(PARAMETERS_IN_MEMORY_BYTES)
const LONG = text(PARAMETERS_IN_MEMORY_BYTES + 1)
/** Fewer characters than the bound, and more bytes. */
const WIDE = `{"a":"${'ö'.repeat(PARAMETERS_IN_MEMORY_BYTES / 2)}"}`

/** The contract of a store for parameters, of which the long ones are not loaded. */
export const PARAMETERS: Readonly<Record<string, (disk: Disk) => Promise<void>>> = {
  async 'of long parameters the size is loaded, and the text is found when it is asked for'(disk) {
    const store = await loaded(disk)
    const all = [SHORT, LONG, WIDE]
    const ready = all.map((parameters, i) => job(`ready-${i}`, { parameters, seq: i + 1 }))
    const far = all.map((parameters, i) => job(`far-${i}`, { parameters, status: 'pending', ready_at: 20, seq: i + 4 }))
    await store.commit(turn(1, { jobs: [...ready, ...far] }))
    const { jobs } = await store.load(10)
    same(jobs.map(({ parameters }) => parameters), [SHORT, 101, 108])
    same(jobs, ready.map(withoutLongParameters))
    const { due } = await store.prefetch(prefetchOf({ due: { after: 10, until: 20 } }))
    same(due, far.map(withoutLongParameters))
    const found = await store.prefetch(prefetchOf({ jobs: ids('ready-1', 'far-2') }))
    same(ids('ready-1', 'far-2').map((id) => found.jobs.get(id)), [ready[1], far[2]])
    await store.close()
  },

  async 'a job that changes keeps its parameters, whether the turn has them or their size'(disk) {
    const store = await loaded(disk)
    const [a, b] = [LONG, SHORT].map((parameters, i) => job(`job-${i}`, { parameters, seq: i + 1 }))
    ok(a !== undefined && b !== undefined)
    await store.commit(turn(1, { jobs: [a, b] }))
    const [changed, other] = [{ ...a, progress: 7 }, { ...b, progress: 8 }]
    await store.commit({ ...turn(2, { jobs: [withoutLongParameters(changed), other] }), created: new Set() })
    const found = await store.prefetch(prefetchOf({ jobs: [a.id, b.id] }))
    same([found.jobs.get(a.id), found.jobs.get(b.id)], [changed, other])
    same((await store.load(SOON)).jobs, [changed, other].map(withoutLongParameters))
    await store.close()
  },
}
