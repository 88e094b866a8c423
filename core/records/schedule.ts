import * as v from 'valibot'
import { type CronPattern, nextDue, readCron } from './cron.ts'
import { derivedId, hash128 } from '../base/hash.ts'
import type { JobId, Millis, RobotId, ScheduleId, WorkflowId } from '../base/ids.ts'
import { anyObject, count, flag, id, number, oneOf, text } from './fields.ts'
import { PRIORITIES } from './job.ts'
import { column, computed, hidden, instant, jsonText, key, keyed, record, type RowOf } from './record.ts'
import { isRefusal } from '../base/refusal.ts'
import { isZone } from './zone.ts'

/**
 * Schedules, and when they are due. Everything that needs to know asks `dueAfter` and `firesAt`: what is fired, what is
 * shown beforehand, and what was missed come from the same two functions.
 */
export const FREQUENCIES = ['once', 'hourly', 'daily', 'weekly', 'monthly', 'cron'] as const
export type Frequency = (typeof FREQUENCIES)[number]

/**
 * The policies for missed instants. `run_once`: the latest runs late for all of them, if within its grace. `skip`: none
 * runs. `run_all`: each runs late, up to a number.
 */
export const MISFIRES = ['run_once', 'skip', 'run_all'] as const

/**
 * The policies for an instant while earlier jobs of the schedule have not ended. `queue_one`: one runs and one may
 * wait. `queue_all`: all wait, and run one after another. `cancel_running`: the earlier ones are cancelled.
 */
export const OVERLAPS = ['queue_one', 'queue_all', 'skip', 'cancel_running', 'allow'] as const

/** A schedule, as it stands in memory, in the table `schedules`, and in the API. */
export const Schedule = record('schedules', {
  id: key(id<ScheduleId>()),
  name: column('text', text),
  workflow_id: column('text', id<WorkflowId>()),
  /** As it was called when the schedule was saved. */
  workflow_name: column('text', text),
  robot_id: column('text?', id<RobotId>()),
  frequency: column('text', oneOf(FREQUENCIES)),
  /** The cron pattern for every frequency; empty for `once`. */
  cron_expression: column('text', text),
  /** The instant of `once`; null for all others. */
  run_at: instant('int?'),
  timezone: column('text', text),
  /** Nothing before the one, and nothing after the other, is due. */
  start_at: instant('int?'),
  end_at: instant('int?'),
  enabled: column('flag', flag),
  /** The user's reason for disabling it. */
  note: column('text', text),
  priority: column('int', v.picklist(PRIORITIES)),
  parameters: jsonText('text', anyObject),
  environment: column('text', text),
  pool: column('text?', text),
  misfire: column('text', oneOf(MISFIRES)),
  overlap: column('text', oneOf(OVERLAPS)),
  /** The instant of its last job. */
  last_run: instant('int?'),
  /** The first instant that has not been decided; null when none is to come, or it is not enabled. */
  next_run: instant('int?'),
  /** The instant at which the next run is acted upon: `next_run` with jitter. */
  fires_at: instant('int?'),
  /** The number of jobs it has made, and how many of them have completed. */
  run_count: column('int', count),
  success_count: column('int', count),
  created_by: column('text', text),
  created_at: instant('int'),
  updated_at: instant('int'),

  /** Each instant is acted upon up to so much later, and before the next one. 0: at once. */
  jitter_ms: hidden<Millis, 'int'>('int'),
  /** The maximum lateness of a run; null: the default of `graceOf`. */
  misfire_grace_ms: hidden<Millis, 'int?'>('int?'),
  /** Instants up to this one are decided, and have a row if they were due while it was enabled. */
  decided_until: hidden<Millis, 'int'>('int'),
}, {
  jitter_seconds: computed(number, ({ jitter_ms }: { readonly jitter_ms: Millis }) => jitter_ms / 1000),
  misfire_grace_seconds: computed(
    v.nullable(number),
    ({ misfire_grace_ms }: { readonly misfire_grace_ms: Millis | null }): number | null =>
      misfire_grace_ms === null ? null : misfire_grace_ms / 1000,
  ),
})
export interface ScheduleRow extends RowOf<typeof Schedule> {}

/** The timing of a schedule. */
export type Recurrence = Pick<
  ScheduleRow,
  'frequency' | 'cron_expression' | 'run_at' | 'timezone' | 'start_at' | 'end_at'
>

/** The settings of a schedule. */
export interface ScheduleSpec extends
  Recurrence,
  Pick<
    ScheduleRow,
    | 'name'
    | 'workflow_id'
    | 'parameters'
    | 'priority'
    | 'robot_id'
    | 'environment'
    | 'pool'
    | 'jitter_ms'
    | 'misfire'
    | 'misfire_grace_ms'
    | 'overlap'
  > {}

const RUN_OUTCOMES = ['fired', 'late', 'merged', 'skipped'] as const
export type RunOutcome = (typeof RUN_OUTCOMES)[number]

/** The outcome of an instant, or of a range of instants. Append only, and never loaded into memory. */
export const ScheduleRun = record('schedule_runs', {
  seq: keyed(hidden<number, 'int'>('int')),
  schedule_id: hidden<ScheduleId, 'text'>('text'),
  /** The due instant; null for a job made by hand. */
  due_at: instant('int?'),
  /** The last instant of a stretch, or the same. */
  until: instant('int?'),
  /** The instant of the decision. */
  at: instant('int'),
  outcome: column('text', oneOf(RUN_OUTCOMES)),
  /** The reason: `misfire`, `overlap`, `by hand`, or the code of a refusal; empty if there is none. */
  reason: column('text', text),
  job_id: column('text?', id<JobId>()),
})
export interface ScheduleRunRow extends RowOf<typeof ScheduleRun> {}

/** The first instant after this one at which the schedule is due, whether or not it is enabled; null when none is. */
export function dueAfter(schedule: Recurrence, after: Millis): Millis | null {
  const { run_at, start_at, end_at } = schedule
  if (schedule.frequency === 'once') return run_at !== null && run_at > after ? run_at : null
  const due = patternDue(schedule, start_at === null ? after : Math.max(after, start_at - 1))
  return due === null || (end_at !== null && due > end_at) ? null : due
}

/**
 * The instant at which a due instant is acted upon. Jitter depends only on the schedule and the instant, so it can be
 * previewed, and it ends before the next instant, so that runs stay in order.
 */
export function firesAt(schedule: ScheduleSpec & Pick<ScheduleRow, 'id'>, due: Millis): Millis {
  if (schedule.jitter_ms === 0) return due
  const next = dueAfter(schedule, due)
  const room = next === null ? schedule.jitter_ms : Math.min(schedule.jitter_ms, next - due)
  return due + hash128(`${schedule.id} ${due} jitter`)[0] % room
}

/** One instant to come: when it is due, and when it is acted upon. */
export interface UpcomingRun {
  readonly due_at: Millis
  readonly fires_at: Millis
}

/** The next instants, if nobody changes anything; of a schedule that is not enabled those that there would be. */
export function preview(schedule: ScheduleRow, now: Millis, max: number): readonly UpcomingRun[] {
  const coming: UpcomingRun[] = []
  const first = schedule.enabled ? schedule.next_run : dueAfter(schedule, Math.max(now, schedule.decided_until))
  for (let due = first; due !== null && coming.length < max; due = dueAfter(schedule, due)) {
    coming.push({ due_at: due, fires_at: firesAt(schedule, due) })
  }
  return coming
}

/** Schedules that are due next, the nearest first. */
export function upcoming(schedules: Iterable<ScheduleRow>, limit: number): readonly ScheduleRow[] {
  return [...schedules].filter(({ fires_at }) => fires_at !== null)
    .sort((a, b) => (a.fires_at ?? 0) - (b.fires_at ?? 0) || (a.id < b.id ? -1 : 1)).slice(0, limit)
}

/**
 * The id of the job that a due instant makes, the same whenever it is asked for: however often an instant is come upon,
 * there is one job with this id. A UUID of version 8, with the instant first, so that jobs are stored in order.
 */
export function scheduledJobId(schedule: ScheduleId, due: Millis): JobId {
  return derivedId(`${schedule} ${due} job`, due)
}

/** A pattern that has been read, and its last answer: between `after` and `due` it is not due. */
interface Read {
  readonly pattern: CronPattern | null
  after: Millis
  due: Millis | null
}

const patterns = new Map<string, Read>()
const PATTERNS_MAX = 10_000

/** Many schedules have the same pattern and ask at the same time, and finding an instant costs some fifty microseconds. */
function patternDue(recurrence: Recurrence, after: Millis): Millis | null {
  const read = cachedPattern(recurrence)
  if (read.pattern === null) return null
  if (after < read.after || after >= (read.due ?? Infinity)) {
    read.due = nextDue(read.pattern, after)
    read.after = after
  }
  return read.due
}

/** Null where the platform does not know the zone any more, which it knew when the schedule was saved: never due. */
function cachedPattern({ cron_expression, timezone }: Recurrence): Read {
  const name = `${timezone} ${cron_expression}`
  let known = patterns.get(name)
  if (known === undefined) {
    const read = isZone(timezone) ? readCron(cron_expression, timezone) : null
    known = { pattern: isRefusal(read) ? null : read, after: Infinity, due: null }
    // Reading costs as much as a hundred instants; many schedules have the same, and one has the same for ever.
    if (patterns.size >= PATTERNS_MAX) patterns.clear()
    patterns.set(name, known)
  }
  return known
}

/** A due instant that is still to come, though its job was made while the clock was ahead. */
export interface EarlyRun {
  readonly schedule_id: ScheduleId
  readonly due_at: Millis
}
