import type { State } from '../../../core/state.ts'
import { BOUND_RULES } from './bounds.ts'
import { MEMORY_RULES } from './memory.ts'
import type { Change } from '../truth/change.ts'
import { CONCURRENCY_RULES } from './concurrency.ts'
import { JOB_RULES } from './jobs.ts'
import type { Truth } from '../truth/truth.ts'
import { OFFER_RULES } from './offers.ts'
import { ORDER_RULES } from './dispatch-order.ts'
import { WEBHOOK_RULES } from './webhooks.ts'
import { RATE_RULES } from './rates.ts'
import type { Behind, Rule, RuleInput } from './rule.ts'
import { CHAIN_RULES } from './chains.ts'
import { SCHEDULE_RULES } from './schedules.ts'
import { CLOCK_RULES } from './clock.ts'

/**
 * The rules after every commit, each a function that throws a sentence with the rule's number. They repeat the
 * program's rules on purpose: comparing its tables with themselves would show nothing. Those about jobs are in
 * `jobs.ts`, about memory in `memory.ts`, about offers in `offers.ts`, and about messages, which are checked when sent,
 * in `frame-rules.ts`.
 */

/** Rules that do not apply to a commit in which no job changed. */
const ABOUT_JOBS: readonly Rule[] = [...JOB_RULES, ...OFFER_RULES, ...CONCURRENCY_RULES, ...ORDER_RULES, ...CLOCK_RULES]

/** The others. */
export const COMMIT_RULES: readonly Rule[] = [
  ...SCHEDULE_RULES,
  ...CHAIN_RULES,
  ...BOUND_RULES,
  ...WEBHOOK_RULES,
  ...RATE_RULES,
  ...MEMORY_RULES,
]

/**
 * Strict runs recount everything after every commit. The others judge a commit by what it has touched, and recount only
 * one in so many, comparing all rows: an error stays visible until then. Rules about robots only run with the recount.
 */
const WHOLE_EVERY = 8
const ALL_EVERY = 5 * WHOLE_EVERY

/** Every rule that is checked after every commit. */
export function checkCommit(truth: Truth, change: Change, behind: Behind, rules: readonly Rule[]): void {
  const { jobs, history, logs, limits, schedules, scheduleRuns, webhooks, chains } = change
  const quiet = jobs.length + history.length + logs.length + limits.length + schedules.size + scheduleRuns.length +
      webhooks.deliveries.length + chains.former.size === 0
  const whole = ++truth.checked % WHOLE_EVERY === 0 || truth.strict
  if (quiet && !whole) return
  const input: RuleInput = { truth, change, ...behind, whole, all: truth.checked % ALL_EVERY === 0 || truth.strict }
  if (whole || jobs.length + history.length + limits.length > 0) { for (const rule of ABOUT_JOBS) rule(input) }
  for (const rule of rules) rule(input)
}

/** Every rule once more when all is over, over all that there is. */
export function checkAtEnd(truth: Truth, state: State | null, rules: readonly Rule[]): void {
  const none = { jobs: [], history: [], logs: [], robots: [], limits: [], schedules: new Map(), scheduleRuns: [] }
  const webhooks = { former: truth.webhooks.rows, changed: false, deliveries: [] }
  const at = truth.time.inRows()
  const chains = { former: new Map(), events: [] }
  const change: Change = { ...none, webhooks, chains, at, elapsed: truth.time.now(), turnAt: at, set: 0 }
  const behind = { state, lives: true, isSaid: true }
  for (const rule of [...ABOUT_JOBS, ...rules]) rule({ truth, change, ...behind, whole: true, all: true })
}
