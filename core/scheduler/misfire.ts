import type { Millis } from '../base/ids.ts'
import { dueAfter, firesAt, type RunOutcome, type ScheduleRow } from '../records/schedule.ts'

/** The number of instants that are decided one by one; earlier ones are recorded in one row. */
const EACH_MAX = 100

/** The tolerance within which an instant is on time, since an alarm may be late, and a turn long. */
const ON_TIME_MS: Millis = 60_000

/** The maximum lateness of a run if the schedule sets none, unless the next instant comes sooner. */
const GRACE_MS_MAX: Millis = 3_600_000

/** The decision about an instant, or about a range of them. */
export interface RunDecision {
  readonly due_at: Millis
  readonly until: Millis
  readonly outcome: RunOutcome
  readonly reason: '' | 'misfire'
}

/** The instants that are due, and the first that is not. */
interface DueRuns {
  /** A range of earlier instants that are too many to decide one by one; null if there is none. */
  readonly range: { readonly from: Millis; readonly until: Millis } | null
  readonly each: readonly Millis[]
  readonly following: Millis | null
}

/**
 * Decides every instant that is due, in order, and returns the first that is not. `ignoreJitter`: decide at once,
 * without waiting for jitter, because the schedule is about to change.
 */
export function decideMissed(
  schedule: ScheduleRow,
  now: Millis,
  ignoreJitter: boolean,
): { readonly decisions: readonly RunDecision[]; readonly following: Millis | null } {
  const { range, each, following } = dueRuns(schedule, now, ignoreJitter)
  const latest = each.at(-1)
  if (latest === undefined) return { decisions: [], following }
  const { misfire } = schedule
  const runs = outcomeOf(schedule, latest, now)
  const others = misfire === 'run_once' && runs !== 'skipped' ? 'merged' : 'skipped'
  const decisions = each.map((due) =>
    decision(due, due, due === latest ? runs : misfire === 'run_all' ? outcomeOf(schedule, due, now) : others)
  )
  if (range !== null) decisions.unshift(decision(range.from, range.until, others))
  return { decisions, following }
}

function decision(due_at: Millis, until: Millis, outcome: RunOutcome): RunDecision {
  return { due_at, until, outcome, reason: outcome === 'skipped' ? 'misfire' : '' }
}

/** The outcome of an instant by its age alone. */
function outcomeOf(schedule: ScheduleRow, due: Millis, now: Millis): RunOutcome {
  const age = now - firesAt(schedule, due)
  if (age <= ON_TIME_MS) return 'fired'
  return schedule.misfire !== 'skip' && age <= graceOf(schedule, due) ? 'late' : 'skipped'
}

/**
 * The maximum lateness of a run: the schedule's own setting or, by default, the time until the next instant and at most
 * an hour. With `run_all` there is no limit, because such runs are older than that.
 */
function graceOf(schedule: ScheduleRow, due: Millis): Millis {
  if (schedule.misfire_grace_ms !== null) return schedule.misfire_grace_ms
  if (schedule.misfire === 'run_all') return Infinity
  return Math.min((dueAfter(schedule, due) ?? Infinity) - due, GRACE_MS_MAX)
}

function dueRuns(schedule: ScheduleRow, now: Millis, ignoreJitter: boolean): DueRuns {
  const first = schedule.next_run
  const hasCome = (due: Millis): boolean => due <= now && (ignoreJitter || firesAt(schedule, due) <= now)
  const each: Millis[] = []
  let following = first
  while (following !== null && each.length <= EACH_MAX && hasCome(following)) {
    each.push(following)
    following = dueAfter(schedule, following)
  }
  if (first === null || each.length <= EACH_MAX) return { range: null, each, following }
  let latest = latestBefore(schedule, now + 1, first)
  following = dueAfter(schedule, latest)
  // Only the latest may still be delayed by jitter, which ends before the next instant.
  if (!hasCome(latest)) {
    following = latest
    latest = latestBefore(schedule, latest, first)
  }
  const last = [latest]
  for (let due = latest; schedule.misfire === 'run_all' && last.length < EACH_MAX;) {
    due = latestBefore(schedule, due, first)
    last.push(due)
  }
  const until = latestBefore(schedule, last.at(-1) ?? latest, first)
  return { range: { from: first, until }, each: last.toReversed(), following }
}

/**
 * The latest due instant before this one, without visiting all between: steps back with doubling distance until there
 * is one, then bisects. `first` is a due instant, so there always is one.
 */
function latestBefore(schedule: ScheduleRow, before: Millis, first: Millis): Millis {
  const due = (after: Millis): Millis => dueAfter(schedule, after) ?? Infinity
  let found = Infinity
  for (let step = 1_000; found >= before; step *= 2) found = due(Math.max(before - step - 1, first - 1))
  let high = before
  for (let next = due(found); next < before; next = due(found)) {
    const middle = Math.floor((next + high) / 2)
    const later = due(middle)
    if (later < before) found = later
    else {
      found = next
      high = middle
    }
  }
  return found
}
