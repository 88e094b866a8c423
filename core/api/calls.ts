import * as v from 'valibot'
import type { JobId } from '../base/ids.ts'
import { writtenObject } from '../protocol/written.ts'
import { flag, oneOf, text } from '../records/fields.ts'
import { JOB_STATUSES } from '../records/job.ts'
import { PATHS } from './paths.ts'
import { WAIT_SECONDS_MAX, WaitQuery } from './query.ts'
import { contract } from './route.ts'

const NewCall = v.strictObject({
  parameters: v.optional(writtenObject, {}),
  /** The job that calls. */
  parent_job_id: v.nullish(v.pipe(v.string(), v.nonEmpty(), v.maxLength(256), v.transform((id) => id as JobId)), null),
  wait_seconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(WAIT_SECONDS_MAX)), 0),
})

/** The present state of a call. */
const CallView = v.strictObject({
  job_id: text,
  workflow_id: text,
  status: oneOf(JOB_STATUSES),
  /** True if the job has ended. Otherwise ask again. */
  ended: flag,
  /** The robot's result; `{}` if there is none. */
  result: v.unknown(),
  error_type: text,
  error_message: text,
  parent_job_id: v.nullable(text),
})
export type CallView = Readonly<v.InferOutput<typeof CallView>>

/** A call that made no job, because the trigger did not let it pass: `message` says why. */
const IgnoredCallView = v.strictObject({
  status: v.literal('ignored'),
  trigger_id: text,
  job_id: v.null(),
  message: text,
})
export type IgnoredCallView = Readonly<v.InferOutput<typeof IgnoredCallView>>

/** `/api/v1/calls`: calls of workflows by the alias of their trigger. */
export const calls = contract(PATHS.calls, {
  start: {
    scope: 'jobs:submit',
    orRobot: true,
    summary:
      '`{parameters?, parent_job_id?, wait_seconds?}`: calls a workflow, and waits up to 60 s; 202 while its job has not ended: [TRIGGERS.md](TRIGGERS.md)',
    body: NewCall,
    answer: v.union([CallView, IgnoredCallView]),
    otherStatus: 202,
  },
  get: {
    scope: 'jobs:read',
    orRobot: true,
    summary: 'the state of a call, by the id of its job; waits for `wait_seconds`, up to 60',
    query: WaitQuery,
    answer: CallView,
    otherStatus: 202,
  },
})
