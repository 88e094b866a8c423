import * as v from 'valibot'
import type { JobId, RobotId, ScheduleId, TriggerId, WorkflowId } from '../base/ids.ts'
import { newRobotId } from '../protocol/robot-id.ts'
import { writtenObject } from '../protocol/written.ts'
import { ExplanationView, WarningView } from '../records/explanation.ts'
import { anyObject, count, list, oneOf, text } from '../records/fields.ts'
import { HistoryEntry, LogLine } from '../records/job-history.ts'
import { Job, JOB_STATUSES, RETRY_SAFETIES } from '../records/job.ts'
import { time, type ViewOf } from '../records/record.ts'
import {
  definitionField,
  environmentField,
  idempotencyKeyField,
  instantField,
  nameField,
  namesField,
  priorityField,
  workflowIdField,
} from './fields.ts'
import { ErrorView } from './error.ts'
import { BATCH_JOBS_MAX, PATHS } from './paths.ts'
import { idParameter, oneOrMoreOf, page, PageQuery, trueOrFalse, WaitQuery, wholeNumber } from './query.ts'
import { contract, pageOf } from './route.ts'

/** At most a year: longer is a mistake in the unit. */
const seconds = v.pipe(v.number(), v.minValue(1), v.maxValue(31_536_000))

export const Submission = v.strictObject({
  workflow_id: v.optional(workflowIdField),
  /** A definition of the job's own, as text or as JSON, instead of a published workflow. */
  workflow_json: v.optional(definitionField),
  workflow_name: v.optional(nameField),
  parameters: v.optional(writtenObject, {}),
  priority: v.optional(priorityField, 1),
  robot_id: v.nullish(newRobotId, null),
  environment: v.optional(environmentField, ''),
  required_tags: v.optional(namesField, []),
  required_capabilities: v.optional(namesField, []),
  scheduled_time: v.nullish(instantField, null),
  timeout_seconds: v.optional(seconds),
  retry_safety: v.optional(v.picklist(RETRY_SAFETIES), 'unless_started'),
  max_attempts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), 1),
  retry_on: v.optional(namesField, []),
  concurrency_key: v.nullish(v.pipe(v.string(), v.nonEmpty(), v.maxLength(200)), null),
  concurrency_limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100_000)), 1),
  pool: v.nullish(nameField, null),
  check_duplicate: v.optional(v.boolean(), false),
})

export const Cancellation = v.strictObject({
  reason: v.optional(v.pipe(v.string(), v.nonEmpty(), v.maxLength(1_000)), 'Cancelled by user'),
})

export const Release = v.strictObject({
  reason: v.optional(v.pipe(v.string(), v.maxLength(1_000)), ''),
})

export type Submission = v.InferOutput<typeof Submission>

/** One job of a batch. */
export const BatchedSubmission = v.strictObject({
  ...Submission.entries,
  /** As the header of a single submission. */
  idempotency_key: v.optional(idempotencyKeyField),
})
export type BatchedSubmission = v.InferOutput<typeof BatchedSubmission>

/** A batch. Its handler checks each job by itself. */
const Batch = v.strictObject({
  jobs: v.pipe(v.array(BatchedSubmission), v.minLength(1), v.maxLength(BATCH_JOBS_MAX)),
})

const BatchQuery = v.strictObject({ whole: trueOrFalse })

/** A job in a list: everything but what may be large or secret. */
export type JobSummary = ViewOf<typeof Job>

/** A job that has just been submitted, or submitted again. */
const SubmittedJobView = v.strictObject({
  ...Job.view.entries,
  /** Present if no robot on record can run it, so that it waits for one. */
  warnings: v.exactOptional(list(WarningView)),
})
export type SubmittedJob = Readonly<v.InferOutput<typeof SubmittedJobView>>

/** A job of a batch. Small, since there may be a thousand: `GET /api/v1/jobs/{id}` has the rest. */
const BatchedJobView = v.strictObject({
  id: text,
  status: oneOf(JOB_STATUSES),
  workflow_id: text,
  created_at: time,
})

/** The outcome of one job of a batch. */
const BatchOutcomeView = v.strictObject({
  /** 201, 200 for a repeat that is answered as before, or the status of the refusal. */
  status: v.number(),
  /** With `whole=true` as a single submission shows it. */
  job: v.exactOptional(v.union([BatchedJobView, SubmittedJobView])),
  error: v.exactOptional(v.strictObject({
    ...ErrorView.entries.payload.entries,
    /** Seconds after which submitting it again makes sense, as in `Retry-After`; null: it does not. */
    retry_after: v.nullable(v.number()),
  })),
})
export type BatchOutcome = Readonly<v.InferOutput<typeof BatchOutcomeView>>

/** The outcomes of a batch, in the order of its jobs. */
const BatchView = v.strictObject({ items: v.array(BatchOutcomeView) })

/** One job, whole. */
const JobDetailView = v.strictObject({
  ...Job.view.entries,
  /** The definition that it runs, as text. */
  workflow_json: text,
  parameters: anyObject,
  /** The robot's result; `{}` if there is none. */
  result: v.unknown(),
  stack_trace: text,
  /** The last lines of its log, as text; the first says how many are left out, and where they are. */
  logs: text,
})
export type JobDetail = Readonly<v.InferOutput<typeof JobDetailView>>

/** One line of a job's log. */
const LogLineView = v.strictObject({
  ...LogLine.view.entries,
  /** The instant at which it was written, by the robot's clock if that is plausible. */
  logged_at: time,
})
export type LogLineView = Readonly<v.InferOutput<typeof LogLineView>>

/** The filters of a list of jobs. */
export const JobsQuery = v.strictObject({
  status: v.optional(oneOrMoreOf(JOB_STATUSES)),
  workflow_id: idParameter<WorkflowId>(),
  robot_id: idParameter<RobotId>(),
  trigger_id: idParameter<TriggerId>(),
  schedule_id: idParameter<ScheduleId>(),
  parent_job_id: idParameter<JobId>(),
  /** Only dead letters: jobs that have failed for good and were not requeued since. */
  dead_lettered: trueOrFalse,
  ...page,
})

const LOG_PAGE_MAX = 1000
const SEQUENCE_CURSOR = 'must be a next_cursor of this list'

/** The page of a log: its cursor is the number of the last line of the previous page. */
const LogQuery = v.strictObject({
  limit: wholeNumber(1, LOG_PAGE_MAX, LOG_PAGE_MAX),
  cursor: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,15}$/, SEQUENCE_CURSOR), v.transform(Number)),
    '0',
  ),
})

/** `/api/v1/jobs`. */
export const jobs = contract(PATHS.jobs, {
  submit: {
    scope: ['jobs:submit', 'jobs:submit-definition'],
    summary: 'submit a job: below. With a `workflow_json` it needs `jobs:submit-definition`, otherwise `jobs:submit`',
    body: Submission,
    answer: SubmittedJobView,
    status: 201,
    location: 'jobs',
    countsAsSubmission: true,
  },
  submitBatch: {
    scope: ['jobs:submit', 'jobs:submit-definition'],
    summary:
      '`{jobs}`: submit up to 1,000 jobs, each accepted or refused by itself: [below](#many-jobs-at-once). `whole=true` answers with all fields of each',
    query: BatchQuery,
    body: Batch,
    checksBody: true,
    answer: BatchView,
    countsAsSubmission: true,
  },
  list: {
    scope: 'jobs:read',
    summary:
      'newest first; `status` (comma = or), `workflow_id`, `robot_id`, `trigger_id`, `schedule_id`, `parent_job_id`; `dead_lettered=true`. Where several filters are given, a page may be short and say in `searched` how many jobs it has compared: `next_cursor` goes on there',
    query: JobsQuery,
    answer: v.strictObject({ ...pageOf(Job.view).entries, searched: v.nullable(count) }),
  },
  get: {
    scope: 'jobs:read',
    summary:
      'with parameters, result, definition and the last 100 log lines as text, a line for each: line breaks and other control characters in them are written `\\n`, `\\u001b`; the first line says how many are left out. `wait_seconds` (to 60) waits for its end',
    query: WaitQuery,
    answer: JobDetailView,
    tagged: true,
  },
  logs: {
    scope: 'jobs:read',
    summary:
      'every line in order, with when it came (`timestamp`) and when it was written (`logged_at`: P50); `cursor` continues after it',
    query: LogQuery,
    answer: pageOf(LogLineView),
    ownCursor: true,
  },
  history: {
    scope: 'jobs:read',
    summary:
      'what happened to it, when, why, in which attempt and by which offer; also when its robot was gone and came again',
    query: PageQuery,
    answer: pageOf(HistoryEntry.view),
  },
  explain: {
    scope: 'jobs:read',
    summary: 'why it is not running, and what would let it: below',
    answer: ExplanationView,
  },
  cancel: {
    scope: 'jobs:cancel',
    summary: '`{reason?}`; final at once, 409 when it has ended already',
    body: Cancellation,
    answer: Job.view,
  },
  release: {
    scope: 'jobs:cancel',
    summary: '`{reason?}`; you know that its robot has not started it: it is offered anew (P43)',
    body: Release,
    answer: Job.view,
  },
  retry: {
    scope: 'jobs:submit',
    summary: 'a new job with `retry_of`, of any job that has ended',
    answer: SubmittedJobView,
    status: 201,
    location: 'jobs',
    countsAsSubmission: true,
  },
  requeue: {
    scope: 'jobs:submit',
    summary: 'the same for a dead letter, which is dealt with by that',
    answer: SubmittedJobView,
    status: 201,
    location: 'jobs',
    countsAsSubmission: true,
  },
})
