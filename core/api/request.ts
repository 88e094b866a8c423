import * as v from 'valibot'
import type { JobId } from '../base/ids.ts'
import { written, writtenObject } from '../protocol/written.ts'
import { limitField, nameField, namesField, workflowIdField } from './fields.ts'

/** The bodies of HTTP requests. Unknown fields are refused by name: a misspelt option must not be ignored. */

export const NewPool = v.strictObject({
  name: nameField,
  tags: namesField,
  max_concurrent: limitField,
  workflows: v.optional(v.pipe(v.array(workflowIdField), v.maxLength(1_000)), []),
})

/** The longest time in seconds that a call waits for its answer at a time: proxies give up on longer ones. */
export const CALL_WAIT_SECONDS_MAX = 60

export const NewCall = v.strictObject({
  parameters: v.optional(writtenObject, {}),
  /** The job that calls. */
  parent_job_id: v.nullish(v.pipe(v.string(), v.nonEmpty(), v.maxLength(256), v.transform((id) => id as JobId)), null),
  wait_seconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(CALL_WAIT_SECONDS_MAX)), 0),
})

/** The body of `POST /webhook/{trigger_id}`. Other fields are the sender's own affair. */
export const WebhookBody = v.looseObject({
  event_type: v.pipe(v.string(), v.nonEmpty(), v.maxLength(200)),
  data: v.optional(writtenObject, {}),
  timestamp: v.optional(written),
})

export type NewPool = v.InferOutput<typeof NewPool>
export type WebhookBody = v.InferOutput<typeof WebhookBody>
