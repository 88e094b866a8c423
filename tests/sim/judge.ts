import type { State } from '../../core/state.ts'
import { BOUNDS } from './bounds.ts'
import { CACHE } from './cache.ts'
import type { Change } from './change.ts'
import { GATES } from './gates.ts'
import { JOBS } from './invariants.ts'
import type { Ledger } from './ledger.ts'
import { OFFERS } from './offers.ts'
import { ORDER } from './order.ts'
import { OUTBOX } from './outbox.ts'
import { RATES } from './rates.ts'
import type { Rule, Seen } from './rule.ts'
import { TIMETABLE } from './timetable.ts'
import { WAITS } from './waits.ts'

/**
 * What must hold after every commit, each rule a function of its own that throws a sentence with the rule's number.
 * The rules are written down a second time on purpose: comparing the program's table with itself shows nothing.
 * Those about jobs stand in `invariants.ts`, about memory in `cache.ts`, about offers in `offers.ts`, and about what is
 * said, which are checked when it is, in `said.ts`.
 */

/** Those that have nothing to say of a commit in which nothing has happened to a job. */
const ABOUT_JOBS: readonly Rule[] = [...JOBS, ...OFFERS, ...GATES, ...ORDER, ...WAITS]

/** The others. */
export const COMMITTED: readonly Rule[] = [...TIMETABLE, ...BOUNDS, ...OUTBOX, ...RATES, ...CACHE]

/**
 * In strict runs everything is counted anew after every commit. In the others a commit is judged by what it has touched,
 * and one in so many by a recount, and by comparing all rows: what is wrong then stays wrong. Those that are about robots
 * only are looked at with the recount alone.
 */
const WHOLE_EVERY = 8
const ALL_EVERY = 5 * WHOLE_EVERY

/** Every rule that is checked after every commit. `state` is null when the commit landed after its process had gone. */
export function checkCommit(ledger: Ledger, change: Change, state: State | null, rules: readonly Rule[]): void {
  const { jobs, history, logs, limits, schedules, occurrences, told } = change
  const quiet = jobs.length + history.length + logs.length + limits.length + schedules.size + occurrences.length +
      told.deliveries.length === 0
  const whole = ++ledger.judged % WHOLE_EVERY === 0 || ledger.strict
  if (quiet && !whole) return
  const seen: Seen = { ledger, change, state, whole, all: ledger.judged % ALL_EVERY === 0 || ledger.strict }
  if (whole || jobs.length + history.length + limits.length > 0) { for (const rule of ABOUT_JOBS) rule(seen) }
  for (const rule of rules) rule(seen)
}

/** Every rule once more when all is over, over all that there is. */
export function checkAtEnd(ledger: Ledger, state: State | null, rules: readonly Rule[]): void {
  const none = { jobs: [], history: [], logs: [], robots: [], limits: [], schedules: new Map(), occurrences: [] }
  const told = { former: ledger.hooks.webhooks, webhooks: false, deliveries: [] }
  const at = ledger.time.inRows()
  const change: Change = { ...none, told, at, elapsed: ledger.time.now(), turnAt: at, set: 0 }
  for (const rule of [...ABOUT_JOBS, ...rules]) rule({ ledger, change, state, whole: true, all: true })
}
