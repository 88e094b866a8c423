import * as v from 'valibot'
import { written, writtenObject } from '../protocol/written.ts'
import { limitField, nameField, namesField, workflowIdField } from './fields.ts'

/** The bodies of HTTP requests. Unknown fields are refused by name: a misspelt option must not be ignored. */

export const NewPool = v.strictObject({
  name: nameField,
  tags: namesField,
  max_concurrent: limitField,
  workflows: v.optional(v.pipe(v.array(workflowIdField), v.maxLength(1_000)), []),
})

/** The body of `POST /webhook/{trigger_id}`. Other fields are the sender's own affair. */
export const WebhookBody = v.looseObject({
  event_type: v.pipe(v.string(), v.nonEmpty(), v.maxLength(200)),
  data: v.optional(writtenObject, {}),
  timestamp: v.optional(written),
})

export type NewPool = v.InferOutput<typeof NewPool>
export type WebhookBody = v.InferOutput<typeof WebhookBody>
