import * as v from 'valibot'
import { count, number, oneOf, text } from '../records/fields.ts'
import { time } from '../records/record.ts'
import { PATHS } from './paths.ts'
import { contract } from './route.ts'

/** How the process is doing. */
const HealthView = v.strictObject({
  status: oneOf(['ok', 'recovering', 'draining', 'stopped']),
  version: text,
  durability: oneOf(['full', 'relaxed', 'server']),
  /** What a power cut may take of what was answered, where that is anything. */
  may_lose: v.exactOptional(text),
  live_jobs: count,
  robots_connected: count,
  /** How often a state has been loaded from the store, in whatever process. */
  loads: count,
  /** How the clock of the machine was set last since the process began: by `by_ms`, and how often; null: it was not. */
  clock_set: v.nullable(v.strictObject({ at: time, by_ms: number, count })),
})
export type Health = Readonly<v.InferOutput<typeof HealthView>>

/** `/healthz`, for whatever restarts or watches the process. */
export const health = contract(PATHS.health, {
  check: {
    scope: null,
    summary:
      '200 while jobs are taken, 503 otherwise; `may_lose` says what a power cut may take, where `durability` is not `full` ([OPERATING.md](OPERATING.md))',
    answer: HealthView,
  },
})
