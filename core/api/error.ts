import * as v from 'valibot'
import { type RefusalCode, REFUSALS } from '../base/refusal.ts'

/** The body of a refusal, on every route except the webhook's. */
export const ErrorView = v.strictObject({
  type: v.literal('error'),
  payload: v.strictObject({
    error_code: v.picklist(Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]]),
    error_message: v.string(),
    details: v.record(v.string(), v.unknown()),
  }),
  /** The `X-Request-Id` of the request, or one that was made for it. */
  correlation_id: v.string(),
})
export type ErrorBody = v.InferOutput<typeof ErrorView>
