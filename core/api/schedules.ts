import * as v from 'valibot'
import { newRobotId } from '../protocol/robot-id.ts'
import { writtenObject } from '../protocol/written.ts'
import { Job } from '../records/job.ts'
import { time, type ViewOf } from '../records/record.ts'
import { FREQUENCIES, MISFIRES, OVERLAPS, Schedule, ScheduleRun } from '../records/schedule.ts'
import { environmentField, instantField, nameField, priorityField, workflowIdField } from './fields.ts'
import { PATHS } from './paths.ts'
import { PageQuery, wholeNumber } from './query.ts'
import { contract, pageOf } from './route.ts'

/** A whole number between these, or nothing. */
const between = (low: number, high: number) =>
  v.nullish(v.pipe(v.number(), v.integer(), v.minValue(low), v.maxValue(high)), null)
const WEEKDAY = 'must be MON to SUN, or 0 to 7'
const weekday = v.union([
  v.pipe(v.string(), v.regex(/^(sun|mon|tue|wed|thu|fri|sat)$/i, WEEKDAY)),
  v.pipe(v.number(), v.integer(WEEKDAY), v.minValue(0, WEEKDAY), v.maxValue(7, WEEKDAY)),
], WEEKDAY)
const MONTHDAY = 'must be 1 to 31, or L for the last day'
const monthday = v.union([
  v.literal('L'),
  v.pipe(v.number(), v.integer(MONTHDAY), v.minValue(1, MONTHDAY), v.maxValue(31, MONTHDAY)),
], MONTHDAY)

/** A schedule to save. `recurrenceOf` says which of the fields go with which frequency. */
export const NewSchedule = v.strictObject({
  name: nameField,
  workflow_id: workflowIdField,
  workflow_name: v.nullish(nameField, null),
  frequency: v.picklist(FREQUENCIES),
  cron_expression: v.nullish(v.pipe(v.string(), v.maxLength(200)), null),
  run_at: v.nullish(instantField, null),
  time_hour: between(0, 23),
  time_minute: between(0, 59),
  day_of_week: v.nullish(weekday, null),
  day_of_month: v.nullish(monthday, null),
  timezone: v.optional(v.pipe(v.string(), v.maxLength(100)), 'UTC'),
  start_at: v.nullish(instantField, null),
  end_at: v.nullish(instantField, null),
  /** Left out, it stays as it was; a new schedule is enabled. */
  enabled: v.nullish(v.boolean(), null),
  parameters: v.optional(writtenObject, {}),
  priority: v.optional(priorityField, 1),
  robot_id: v.nullish(newRobotId, null),
  environment: v.optional(environmentField, ''),
  pool: v.nullish(nameField, null),
  jitter_seconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(86_400)), 0),
  misfire: v.optional(v.picklist(MISFIRES), 'run_once'),
  misfire_grace_seconds: v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(31_536_000)), null),
  overlap: v.optional(v.picklist(OVERLAPS), 'queue_one'),
})
export type NewSchedule = v.InferOutput<typeof NewSchedule>

const Disabling = v.strictObject({ note: v.optional(v.pipe(v.string(), v.maxLength(1_000)), '') })

export type ScheduleView = ViewOf<typeof Schedule>
/** The outcome of an instant, or of a range of instants. */
export type ScheduleRunView = ViewOf<typeof ScheduleRun>

/** An instant to come: when it is due, and when it is acted upon. */
const UpcomingRunView = v.strictObject({ due_at: time, fires_at: time })
export type UpcomingRunView = Readonly<v.InferOutput<typeof UpcomingRunView>>

const PREVIEW_MAX = 100
const PREVIEW_DEFAULT = 10

/** `/api/v1/schedules`. */
export const schedules = contract(PATHS.schedules, {
  create: {
    scope: 'admin',
    summary: 'a new schedule: below',
    body: NewSchedule,
    answer: Schedule.view,
    status: 201,
    location: 'schedules',
  },
  update: {
    scope: 'admin',
    summary: 'the same; leaves `enabled` as it is where the body does not say',
    body: NewSchedule,
    answer: Schedule.view,
    location: 'schedules',
  },
  list: { scope: 'jobs:read', summary: 'every schedule', query: PageQuery, answer: pageOf(Schedule.view) },
  upcoming: {
    scope: 'jobs:read',
    summary: 'those that are due next, the nearest first; `limit`',
    query: PageQuery,
    answer: pageOf(Schedule.view),
  },
  get: { scope: 'jobs:read', summary: 'one schedule', answer: Schedule.view, tagged: true },
  preview: {
    scope: 'jobs:read',
    summary: `the next instants, \`count\` of them (1 to ${PREVIEW_MAX}, default ${PREVIEW_DEFAULT})`,
    query: v.strictObject({ count: wholeNumber(1, PREVIEW_MAX, PREVIEW_DEFAULT) }),
    answer: pageOf(UpcomingRunView),
    ownCursor: true,
  },
  runs: {
    scope: 'jobs:read',
    summary: 'the outcome of every instant, the last decided first',
    query: PageQuery,
    answer: pageOf(ScheduleRun.view),
  },
  enable: { scope: 'admin', summary: 'makes jobs again', answer: Schedule.view },
  disable: {
    scope: 'admin',
    summary: '`{note?}`: makes no more jobs; the note says why',
    body: Disabling,
    answer: Schedule.view,
  },
  trigger: {
    scope: 'jobs:submit',
    summary: 'a job now, whether or not the schedule is enabled; counts as a submission',
    answer: Job.view,
    status: 201,
    location: 'jobs',
    countsAsSubmission: true,
  },
  delete: { scope: 'admin', summary: 'its jobs go on', answer: Schedule.view },
})
