import type { JobId, Millis, ScheduleId } from '../../../core/base/ids.ts'
import { nextAlarm } from '../../../core/on-timer.ts'
import type { RunOutcome, ScheduleRow, ScheduleRunRow, ScheduleSpec } from '../../../core/records/schedule.ts'
import { nextDue } from '../truth/due-oracle.ts'
import type { Change } from '../truth/change.ts'
import type { Truth } from '../truth/truth.ts'
import type { Rule } from './rule.ts'
import { UNSEEN_MS } from './clock.ts'
import { clock } from '../world/world.ts'
import { demand, same } from '../violation.ts'
import type { ScheduleTruth } from '../truth/schedule-truth.ts'

/**
 * Rules about schedules: I24 and I25, and L4. Due instants are known by arithmetic; their outcomes are in the program's
 * rows.
 */

const ON_TIME_MS: Millis = 60_000
const GRACE_MS_MAX: Millis = 3_600_000

const PLANNED = [
  'workflow_id',
  'frequency',
  'cron_expression',
  'run_at',
  'timezone',
  'start_at',
  'end_at',
  'parameters',
  'priority',
  'robot_id',
  'jitter_ms',
  'misfire',
  'misfire_grace_ms',
  'overlap',
] as const satisfies readonly (keyof ScheduleSpec)[]

/** I24: every instant at which a schedule is due while it is enabled is decided exactly once, and rightly. */
const instantsAreDecided: Rule = ({ truth, change }) => {
  const touched = new Set([...change.schedules.keys(), ...change.scheduleRuns.map((row) => row.schedule_id)])
  for (const job of change.jobs) if (job.after.schedule_id !== null) touched.add(job.after.schedule_id)
  if (change.set < 0) { for (const id of truth.schedules.keys()) touched.add(id) }
  for (const id of touched) instantsOf(truth, change, id)
}

const NONE: ReadonlySet<Millis> = new Set()

/** The first instant after this one at which a schedule is due and has not made a job. */
function dueAgain(plan: ScheduleSpec, after: Millis, ran: ReadonlySet<Millis>): Millis | null {
  let due = nextDue(plan, after)
  while (due !== null && ran.has(due)) due = nextDue(plan, due)
  return due
}

function instantsOf(truth: Truth, change: Change, id: ScheduleId): void {
  const known = truth.schedules.get(id)
  const after = truth.disk.tables.schedules.get(id)
  const rows = change.scheduleRuns.filter((row) => row.schedule_id === id)
  const due = rows.filter((row) => row.due_at !== null)
  demand(known !== undefined || due.length === 0, 'I24', () => `${id} was due before it was there`)
  const ran = known?.ran ?? NONE
  let covered = known?.covered ?? change.turnAt
  if (change.set < 0) covered = Math.min(covered, change.turnAt)
  for (const row of due) covered = inOrder(id, known?.row, row, covered, ran)
  const changed = after === undefined || after.updated_at !== known?.row.updated_at
  if (known !== undefined) {
    const left = changed && known.row.enabled ? dueAgain(known.row, covered, ran) ?? Infinity : Infinity
    demand(left > change.turnAt, 'I24', () => `${id} was changed, and nobody knows what became of ${clock(left)}`)
    // Jitter that a change cuts short makes two latest instants in one turn.
    if (!changed || known.row.jitter_ms === 0) decisionsAreRight(truth, change, known, due)
  }
  for (const row of rows) jobIsThere(truth, known?.row, row)
  if (after === undefined) return void truth.schedules.delete(id)
  if (changed) covered = Math.max(covered, after.updated_at)
  const made = rows.filter((row) => row.job_id !== null)
  const completed = change.jobs.filter((job) =>
    job.after.schedule_id === id && job.after.status === 'completed' && job.before?.status !== 'completed'
  )
  const now: ScheduleTruth = {
    row: after,
    covered,
    ran: new Set([...ran, ...made.flatMap(({ due_at }) => due_at ?? [])]),
    runs: (known?.runs ?? 0) + made.length,
    successes: (known?.successes ?? 0) + completed.length,
    lastRun: made.at(-1)?.at ?? known?.lastRun ?? null,
  }
  countsAreRight(truth, now)
  truth.schedules.set(id, now)
}

/** Outcomes are recorded in the order of due instants. Returns the last recorded one. */
function inOrder(
  id: ScheduleId,
  plan: ScheduleRow | undefined,
  row: ScheduleRunRow,
  covered: Millis,
  ran: ReadonlySet<Millis>,
): Millis {
  demand(plan?.enabled === true, 'I24', () => `${id} is not enabled, and was due at ${clock(row.due_at ?? 0)}`)
  const next = dueAgain(plan, covered, ran)
  const recorded = clock(row.due_at ?? 0)
  demand(
    next !== null && row.due_at === next,
    'I24',
    () => `${id} is told to have been due at ${recorded}, and was at ${clock(next ?? 0)}`,
  )
  const until = row.until ?? 0
  const stretch = until >= next && until <= row.at && nextDue(plan, until - 1) === until
  demand(stretch, 'I24', () => `${id} is told of from ${recorded} to ${clock(until)}, at ${clock(row.at)}`)
  demand(row.outcome !== 'fired' || until === next, 'I24', () => `${id} made one job for more than one instant`)
  return until
}

/** I25: misfires and overlaps are treated as the schedule says. */
function decisionsAreRight(
  truth: Truth,
  change: Change,
  { row: plan, ran }: ScheduleTruth,
  due: readonly ScheduleRunRow[],
): void {
  const last = due.at(-1)
  // The latest may have run before the clock was set back: it is not recorded again, and stands for the others.
  const later = [...ran].filter((at) => at > (last?.until ?? Infinity) && at <= change.turnAt)
  const isLast = later.length === 0
  // Jitter may put that off still: then this one is the latest.
  const mayBeLast = later.every((at) => at + plan.jitter_ms > change.turnAt)
  const latest = isLast ? last : undefined
  for (const row of due) {
    const older = row !== latest
    const recorded = row.reason === 'misfire' || row.outcome === 'merged' ? [row.outcome] : ['fired', 'late'] as const
    const runs = latest?.reason !== 'misfire'
    const others: readonly RunOutcome[] = isLast
      ? [plan.misfire === 'run_once' && runs ? 'merged' : 'skipped']
      : ['merged', 'skipped']
    const isOlder = older && (plan.misfire !== 'run_all' || row.until !== row.due_at)
    const may = [...isOlder ? others : [], ...!isOlder || (row === last && mayBeLast) ? byAge(plan, row) : []]
    const right = row.outcome === 'skipped' && row.reason !== 'misfire'
      ? recorded.some((outcome) => may.includes(outcome))
      : may.includes(row.outcome)
    const age = row.at - (row.due_at ?? 0)
    demand(right, 'I25', () => `${plan.id} is ${plan.misfire}, and ${age} ms late it was ${row.outcome} ${row.reason}`)
    overlaps(truth, change, plan, row)
  }
}

/** The possible outcomes of an instant that is this late. Jitter makes it younger by an unknown amount. */
function byAge(plan: ScheduleRow, row: ScheduleRunRow): readonly RunOutcome[] {
  const due = row.due_at ?? 0
  const period = (nextDue(plan, due) ?? Infinity) - due
  const age = row.at - due
  const grace = plan.misfire_grace_ms ?? (plan.misfire === 'run_all' ? Infinity : Math.min(period, GRACE_MS_MAX))
  const late = plan.misfire === 'skip' ? -Infinity : grace
  const of = (ms: Millis): RunOutcome => (ms <= ON_TIME_MS ? 'fired' : ms <= late ? 'late' : 'skipped')
  const youngest = age - Math.max(0, Math.min(plan.jitter_ms, period) - 1)
  const between = youngest <= late && late <= age && late > ON_TIME_MS ? ['late' as const] : []
  return [
    of(age),
    of(youngest),
    ...between,
    ...(youngest <= ON_TIME_MS && age > ON_TIME_MS && late > 0 ? ['late' as const] : []),
  ]
}

const MOST: Readonly<Record<string, number>> = { queue_one: 2, skip: 1 }

function overlaps(truth: Truth, change: Change, plan: ScheduleRow, row: ScheduleRunRow): void {
  const most = MOST[plan.overlap] ?? Infinity
  const live = truth.liveJobs().filter(({ schedule_id }) => schedule_id === plan.id)
  const before = new Map(change.jobs.map((job) => [job.after.id, job.before]))
  if (row.reason === 'overlap') {
    const ended = change.jobs.filter((job) => job.after.schedule_id === plan.id && job.after.completed_at !== null)
    const others = live.length + ended.length
    demand(others >= most, 'I25', () => `${plan.id} is ${plan.overlap}, and was skipped with ${others} jobs alive`)
  }
  if (row.job_id === null) return
  // Jobs that were alive before the turn and after it were alive within it.
  const others = live.filter(({ id }) => !before.has(id) || before.get(id) !== undefined)
  demand(others.length < most, 'I25', () => `${plan.id} is ${plan.overlap}, and ran with ${others.length} jobs alive`)
  const replaced = plan.overlap !== 'cancel_running' || others.length === 0
  demand(replaced, 'I25', () => `${plan.id} replaces its jobs, and ${others[0]?.id} lives on`)
}

/** I24: every job has a row that records it, and is what the schedule says. */
function jobIsThere(truth: Truth, plan: ScheduleRow | undefined, row: ScheduleRunRow): void {
  const job = row.job_id === null ? undefined : truth.jobs.get(row.job_id)
  const makes = row.outcome === 'fired' || row.outcome === 'late'
  demand(makes === (job !== undefined), 'I24', () => `${row.schedule_id} was ${row.outcome} and made ${row.job_id}`)
  if (job === undefined) return
  const fits = job.schedule_id === row.schedule_id && job.due_at === row.due_at
  demand(fits, 'I24', () => `${job.id} was not made for ${row.schedule_id} at ${row.due_at}`)
  if (plan === undefined || row.due_at === null) return
  const asked = [job.workflow_id, job.parameters, job.priority, job.pinned_robot_id]
  const planned = [plan.workflow_id, plan.parameters, plan.priority, plan.robot_id]
  demand(same(asked, planned), 'I1', () => `${job.id} is ${asked.join()}, and ${plan.id} says ${planned.join()}`)
}

/** I25: what stands in the row is what its runs say, and what was asked for. */
function countsAreRight(truth: Truth, { row, covered, ran, runs, successes, lastRun }: ScheduleTruth): void {
  const { id, enabled, run_count, success_count, last_run, next_run } = row
  const recorded = [run_count, success_count, last_run]
  demand(
    same(recorded, [runs, successes, lastRun]),
    'I25',
    () => `${id} counts ${recorded}, and it is ${runs}, ${successes}`,
  )
  const next = enabled ? dueAgain(row, covered, ran) : null
  demand(next_run === next, 'I25', () => `${id} waits for ${clock(next_run ?? 0)}, and ${clock(next ?? 0)} is next`)
  const kept = truth.plans.get(id)?.some((plan) => PLANNED.every((field) => same(plan[field], row[field])))
  demand(kept === true, 'I1', () => `nobody asked for ${id} to be what it is`)
}

/** I3, I24: every job of a schedule is among its runs, in the same turn. */
const noGhostRuns: Rule = ({ change }) => {
  const recorded = new Set<JobId | null>(change.scheduleRuns.map((row) => row.job_id))
  for (const { before, after } of change.jobs) {
    if (before !== undefined || after.schedule_id === null) continue
    demand(recorded.has(after.id), 'I24', () => `${after.schedule_id} made ${after.id}, which is not among its runs`)
  }
}

/** L4: the alarm is set for every schedule, and none waits for an instant that is long past. */
const schedulesCatchUp: Rule = ({ truth, state, change }) => {
  if (state === null || truth.schedules.size === 0) return
  const alarm = nextAlarm(state)?.at ?? Infinity
  for (const { row } of truth.schedules.values()) {
    const at = row.fires_at
    if (at === null) continue
    const { next_run } = row
    const room = Math.min(row.jitter_ms, (nextDue(row, next_run ?? 0) ?? Infinity) - (next_run ?? 0))
    const fits = next_run !== null && at >= next_run && at < next_run + Math.max(1, room)
    demand(fits, 'I25', () => `${row.id} is due at ${next_run} and acted upon at ${at}`)
    const late = Math.min(truth.time.machineClock.wall() - at, change.elapsed - truth.time.clockSteadySince)
    demand(late <= UNSEEN_MS, 'L4', () => `${row.id} waits for ${clock(at)}, and that was ${late} ms ago`)
    demand(alarm <= at, 'L4', () => `${row.id} is due at ${clock(at)}, and the alarm is set for later`)
  }
}

export const SCHEDULE_RULES: readonly Rule[] = [noGhostRuns, instantsAreDecided, schedulesCatchUp]
