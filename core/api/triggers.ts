import * as v from 'valibot'
import { isObject, type JsonObject } from '../base/json.ts'
import { type RefusalCode, REFUSALS } from '../base/refusal.ts'
import { writtenObject } from '../protocol/written.ts'
import type { ViewOf } from '../records/record.ts'
import { time } from '../records/record.ts'
import { Trigger, TriggerEvent } from '../records/trigger.ts'
import { SHOWN_AUTHS } from '../trigger-types/auth.ts'
import { FileReport } from '../trigger-types/file-watch.ts'
import { TRIGGER_TYPE_NAMES } from '../trigger-types/index.ts'
import { nameField, ownIdField, priorityField, textField, workflowIdField } from './fields.ts'
import { PATHS } from './paths.ts'
import { PageQuery } from './query.ts'
import { contract, pageOf } from './route.ts'

/** Settings, which are read: `config` in `trigger-types/`. What is not read is `writtenObject`. */
const jsonObject = v.custom<JsonObject>(isObject, 'must be a JSON object')

/** A signature of the sender's own making: its header, and how it is computed. */
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
  /** The settings of the type: `config` in `trigger-types/`. */
  config: v.optional(jsonObject, {}),
  filter: v.nullish(v.string(), null),
  mapping: v.nullish(v.pipe(v.custom<Record<string, string>>(isMapping, 'must have a path for each parameter')), null),
  priority: v.optional(priorityField, 1),
  parameters: v.optional(writtenObject, {}),
  cooldown_seconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(31_536_000)), 0),
  enabled: v.optional(v.boolean(), true),
  /** `secret` where nothing is said, and `none` with a secret that is null; of a chat, its platform. */
  auth: v.optional(v.picklist(SHOWN_AUTHS)),
  /** For `auth: "hmac"`, and needed there. */
  signature: v.optional(Signature),
  /** Addresses and ranges, IPv4 and IPv6, that may call; empty: all. */
  allow_from: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(50))), v.maxLength(100)), []),
  /**
   * The secret that callers send in `X-Webhook-Secret` or sign with; one is made where none is given, and null asks for none.
   * Or the password with which the trigger itself logs in.
   */
  secret: v.nullish(v.pipe(v.string(), v.nonEmpty(), v.maxLength(256))),
})

/** The event of a trigger that is fired by hand. */
export const ManualFiring = v.strictObject({
  payload: v.optional(writtenObject, {}),
  metadata: v.optional(writtenObject, {}),
})

export type NewTrigger = v.InferOutput<typeof NewTrigger>

/** A trigger, without its secret. */
export const TriggerView = v.strictObject({
  ...Trigger.view.entries,
  /** The way in which callers authenticate; of a chat, its platform, each of which has its own. */
  auth: v.picklist(SHOWN_AUTHS),
  has_secret: v.boolean(),
  /** The path at which it is called from outside; null where it is not. */
  webhook_path: v.nullable(v.string()),
  /** The state of what listens for it; null where nothing does: other types, and one that is disabled. */
  source: v.nullable(v.strictObject({ state: v.string(), detail: v.string(), since: time })),
})
export type TriggerView = v.InferOutput<typeof TriggerView>

/** A trigger that was made or changed just now: a secret that was made for it is shown this once. */
export const NewTriggerView = v.strictObject({ ...TriggerView.entries, secret: v.nullable(v.string()) })
export type NewTriggerView = v.InferOutput<typeof NewTriggerView>

/** The TriggerEvent of the API reference, with its outcome. */
export type TriggerEventView = ViewOf<typeof TriggerEvent>

/** The outcome of firing a trigger by hand. */
export const FiringView = v.strictObject({
  status: v.picklist(['accepted', 'ignored']),
  trigger_id: v.string(),
  job_id: v.nullable(v.string()),
  message: v.string(),
})
export type FiringView = v.InferOutput<typeof FiringView>

/** The outcome of one reported event of a file. */
const FileOutcome = v.variant('outcome', [
  v.strictObject({ outcome: v.literal('fired'), job_id: v.string() }),
  v.strictObject({ outcome: v.literal('skipped'), reason: v.string() }),
  v.strictObject({
    outcome: v.literal('refused'),
    error_code: v.picklist(Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]]),
    message: v.string(),
    /** True if the same may be reported again, later. */
    retry: v.boolean(),
  }),
])
export type FileOutcome = v.InferOutput<typeof FileOutcome>

/** `/api/v1/triggers`. */
export const triggers = contract(PATHS.triggers, {
  create: {
    scope: 'admin',
    summary:
      '`{name, workflow_id, trigger_type?, config?, filter?, mapping?, id?, description?, scenario_id?, priority?, parameters?, cooldown_seconds?, enabled?, auth?, secret?, signature?, allow_from?}`: [TRIGGERS.md](TRIGGERS.md)',
    body: NewTrigger,
    answer: NewTriggerView,
    status: 201,
    location: 'triggers',
  },
  update: {
    scope: 'admin',
    summary: 'replaces its fields; the type stays, and so does the secret unless one is given',
    body: NewTrigger,
    answer: NewTriggerView,
    location: 'triggers',
  },
  list: { scope: 'jobs:read', summary: 'every trigger', query: PageQuery, answer: pageOf(TriggerView) },
  get: { scope: 'jobs:read', summary: 'one trigger, without its secret', answer: TriggerView, tagged: true },
  events: {
    scope: 'jobs:read',
    summary: 'the events that reached it with their outcomes, the last first',
    query: PageQuery,
    answer: pageOf(TriggerEvent.view),
  },
  enable: { scope: 'admin', summary: 'fires again', answer: TriggerView },
  disable: { scope: 'admin', summary: 'fires no more', answer: TriggerView },
  delete: { scope: 'admin', summary: 'its events go with it, its jobs go on', answer: TriggerView },
  fire: {
    scope: 'jobs:submit',
    summary: '`{payload?, metadata?}`: by hand, whatever its type; 201, or 200 where the filter does not let it pass',
    body: ManualFiring,
    answer: FiringView,
    status: 201,
    otherStatus: 200,
    countsAsSubmission: true,
  },
  reportFiles: {
    scope: ['robots:connect', 'jobs:submit'],
    summary:
      "`{events}`: what happened to files of a robot's machine, with an outcome for each: [TRIGGERS.md](TRIGGERS.md#files-of-a-robots-machine)",
    body: FileReport,
    answer: v.strictObject({ items: v.array(FileOutcome) }),
    countsAsSubmission: true,
  },
})
