import * as v from 'valibot'
import { written, writtenObject } from '../protocol/written.ts'

/** The body of `POST /webhook/{trigger_id}`. Other fields are the sender's own affair. */
export const WebhookBody = v.looseObject({
  event_type: v.pipe(v.string(), v.nonEmpty(), v.maxLength(200)),
  data: v.optional(writtenObject, {}),
  timestamp: v.optional(written),
})

export type WebhookBody = v.InferOutput<typeof WebhookBody>
