import * as v from 'valibot'
import { count, number, oneOf, text } from '../records/fields.ts'
import { time } from '../records/record.ts'
import { PATHS } from './paths.ts'
import { contract } from './route.ts'

/** The health of the process. */
const HealthView = v.strictObject({
  status: oneOf(['ok', 'recovering', 'draining', 'stopped']),
  version: text,
  durability: oneOf(['full', 'relaxed', 'server']),
  /** The answered changes that a power cut may lose; absent if there are none. */
  may_lose: v.exactOptional(text),
  live_jobs: count,
  robots_connected: count,
  /** The number of loads of the state from the store, by any process. */
  loads: count,
  /** The WAL while it has more than 256 MB, and the processes that read the database; absent otherwise. */
  wal: v.exactOptional(v.strictObject({ bytes: count, readers: v.pipe(v.array(v.string()), v.readonly()) })),
  /**
   * The last change of the machine's clock since the process began, by `by_ms`, and the number of changes; null: none.
   */
  clock_set: v.nullable(v.strictObject({ at: time, by_ms: number, count })),
})
export type Health = Readonly<v.InferOutput<typeof HealthView>>

/** `/healthz`, for monitors and service managers. */
export const health = contract(PATHS.health, {
  check: {
    scope: null,
    summary:
      '200 while jobs are taken, 503 otherwise; `may_lose` says what a power cut may take, where `durability` is not `full` ([OPERATING.md](OPERATING.md))',
    answer: HealthView,
  },
})
