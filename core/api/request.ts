import * as v from 'valibot'
import type { JobId } from '../base/ids.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import { SHOWN_AUTHS } from '../trigger-types/auth.ts'
import { TRIGGER_TYPE_NAMES } from '../trigger-types/index.ts'
import { written, writtenObject } from '../protocol/written.ts'
import { limitField, nameField, namesField, ownIdField, priorityField, textField, workflowIdField } from './fields.ts'

/** The bodies of HTTP requests. Unknown fields are refused by name: a misspelt option must not be ignored. */

/** Settings, which are read: `config` in `trigger-types/`. What is not read is `writtenObject`. */
const jsonObject = v.custom<JsonObject>(isObject, 'must be a JSON object')

export const NewPool = v.strictObject({
  name: nameField,
  tags: namesField,
  max_concurrent: limitField,
  workflows: v.optional(v.pipe(v.array(workflowIdField), v.maxLength(1_000)), []),
})

/** The header and the scheme of a custom signature. */
const Signature = v.strictObject({
  header: v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,100}$/, 'must be the name of a header')),
  algorithm: v.optional(v.picklist(['sha1', 'sha256', 'sha512']), 'sha256'),
  encoding: v.optional(v.picklist(['hex', 'base64']), 'hex'),
  prefix: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(50),
      v.regex(/^(?! )[ -~]*$/, 'must be what can stand at the beginning of a header'),
    ),
    '',
  ),
})

const MAPPED_MAX = 200

function isMapping(given: unknown): boolean {
  return isObject(given) && Object.keys(given).length <= MAPPED_MAX &&
    Object.values(given).every((path) => typeof path === 'string')
}

export const NewTrigger = v.strictObject({
  id: v.optional(ownIdField),
  name: nameField,
  description: v.optional(textField, ''),
  trigger_type: v.optional(v.picklist(TRIGGER_TYPE_NAMES), 'webhook'),
  workflow_id: workflowIdField,
  scenario_id: v.optional(v.pipe(v.string(), v.maxLength(200)), ''),
  /** The config of the type: see `trigger-types/`. */
  config: v.optional(jsonObject, {}),
  filter: v.nullish(v.string(), null),
  mapping: v.nullish(v.pipe(v.custom<Record<string, string>>(isMapping, 'must have a path for each parameter')), null),
  priority: v.optional(priorityField, 1),
  parameters: v.optional(writtenObject, {}),
  cooldown_seconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(31_536_000)), 0),
  enabled: v.optional(v.boolean(), true),
  /** Default `secret`, or `none` if the secret is null; for a chat, its platform. */
  auth: v.optional(v.picklist(SHOWN_AUTHS)),
  /** For `auth: "hmac"`, and needed there. */
  signature: v.optional(Signature),
  /** Addresses and ranges, IPv4 and IPv6, that may call; empty: all. */
  allow_from: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(50))), v.maxLength(100)), []),
  /**
   * The secret that callers send in `X-Webhook-Secret` or sign with, or the password that the trigger logs in with.
   * Generated if left out; null for none.
   */
  secret: v.nullish(v.pipe(v.string(), v.nonEmpty(), v.maxLength(256))),
})

/** The body of a manual firing. */
export const ManualFiring = v.strictObject({
  payload: v.optional(writtenObject, {}),
  metadata: v.optional(writtenObject, {}),
})

/** The longest wait for a call's answer at a time, in seconds: proxies give up on longer ones. */
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
export type NewTrigger = v.InferOutput<typeof NewTrigger>
export type WebhookBody = v.InferOutput<typeof WebhookBody>
