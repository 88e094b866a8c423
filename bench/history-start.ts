import { openLibsqlStore } from '../adapters/store/libsql.ts'
import { DEFAULTS } from '../core/settings.ts'
import { load } from '../core/load.ts'

/** One start on the file that is named, and what it took, as JSON. The process of `history.ts`. */

const [path = ''] = process.argv.slice(2)
const collect = globalThis.gc
if (collect === undefined) throw new Error('run with --expose-gc')
collect()
const before = process.memoryUsage().heapUsed
const begin = performance.now()
const store = await openLibsqlStore({ path })
const now = Date.now()
const state = load(await store.load(now + DEFAULTS.horizonMs), now, 1, DEFAULTS)
const ms = performance.now() - begin
collect()
process.stdout.write(JSON.stringify({ ms, heap: process.memoryUsage().heapUsed - before, jobs: state.jobs.size }))
await store.close()
