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
import type { Rule, RuleInput } from './rule.ts'
import { SCHEDULE_RULES } from './schedules.ts'
import { CLOCK_RULES } from './clock.ts'

/**
 * What must hold after every commit, each rule a function of its own that throws a sentence with the rule's number.
 * The rules are written down a second time on purpose: comparing the program's table with itself shows nothing.
 * Those about jobs stand in `jobs.ts`, about memory in `memory.ts`, about offers in `offers.ts`, and about what is
 * sent, which are checked when it is, in `frame-rules.ts`.
 */

/** Those that have nothing to say of a commit in which nothing has happened to a job. */
const ABOUT_JOBS: readonly Rule[] = [...JOB_RULES, ...OFFER_RULES, ...CONCURRENCY_RULES, ...ORDER_RULES, ...CLOCK_RULES]

/** The others. */
export const COMMIT_RULES: readonly Rule[] = [
  ...SCHEDULE_RULES,
  ...BOUND_RULES,
  ...WEBHOOK_RULES,
  ...RATE_RULES,
  ...MEMORY_RULES,
]

/**
 * In strict runs everything is counted anew after every commit. In the others a commit is judged by what it has touched,
 * and one in so many by a recount, and by comparing all rows: what is wrong then stays wrong. Those that are about robots
 * only are looked at with the recount alone.
 */
const WHOLE_EVERY = 8
const ALL_EVERY = 5 * WHOLE_EVERY

/** Every rule that is checked after every commit. `state` is null when the commit landed after its process had gone. */
export function checkCommit(truth: Truth, change: Change, state: State | null, rules: readonly Rule[]): void {
  const { jobs, history, logs, limits, schedules, scheduleRuns, webhooks } = change
  const quiet = jobs.length + history.length + logs.length + limits.length + schedules.size + scheduleRuns.length +
      webhooks.deliveries.length === 0
  const whole = ++truth.checked % WHOLE_EVERY === 0 || truth.strict
  if (quiet && !whole) return
  const input: RuleInput = { truth, change, state, whole, all: truth.checked % ALL_EVERY === 0 || truth.strict }
  if (whole || jobs.length + history.length + limits.length > 0) { for (const rule of ABOUT_JOBS) rule(input) }
  for (const rule of rules) rule(input)
}

/** Every rule once more when all is over, over all that there is. */
export function checkAtEnd(truth: Truth, state: State | null, rules: readonly Rule[]): void {
  const none = { jobs: [], history: [], logs: [], robots: [], limits: [], schedules: new Map(), scheduleRuns: [] }
  const webhooks = { former: truth.webhooks.rows, changed: false, deliveries: [] }
  const at = truth.time.inRows()
  const change: Change = { ...none, webhooks, at, elapsed: truth.time.now(), turnAt: at, set: 0 }
  for (const rule of [...ABOUT_JOBS, ...rules]) rule({ truth, change, state, whole: true, all: true })
}
