import * as v from 'valibot'
import type { ScheduleId, WorkflowId } from '../base/ids.ts'
import { ChatConfig, type ChatPlatformName } from './chat.ts'
import { problemsOf } from '../protocol/decode.ts'
import { FormConfig } from './form.ts'
import { FileWatch } from './file-watch.ts'
import type { JsonObject } from '../base/json.ts'
import { MailConfig } from './email.ts'
import { type Refusal, refuse } from '../base/refusal.ts'

/** The types of trigger of the API reference. */
export const TRIGGER_TYPES = [
  'manual',
  'scheduled',
  'webhook',
  'file_watch',
  'email',
  'form',
  'chat',
  'workflow_call',
] as const
export type TriggerType = (typeof TRIGGER_TYPES)[number]

/** Whether triggers of this type listen by themselves: what they bring comes once, and nobody waits for what becomes of it. */
export function isSource(type: TriggerType): boolean {
  return type === 'email' || type === 'file_watch'
}

/** How callers of a webhook show who they are. */
export const TRIGGER_AUTHS = [
  'secret',
  'none',
  'standard_webhooks',
  'github',
  'stripe',
  'slack',
  'shopify',
  'hmac',
] as const
export type TriggerAuth = (typeof TRIGGER_AUTHS)[number]

/** The same as people see it: a chat is verified as its platform does it. */
export const SHOWN_AUTHS = [...TRIGGER_AUTHS, 'telegram', 'teams', 'discord'] as const satisfies readonly (
  | TriggerAuth
  | ChatPlatformName
)[]
export type ShownAuth = (typeof SHOWN_AUTHS)[number]

const NOTHING = v.strictObject({})
const workflowIds = v.pipe(
  v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(256), v.transform((id) => id as WorkflowId))),
  v.maxLength(100),
)

/** What each type asks for in the field `config`. */
const CONFIGS = {
  manual: NOTHING,
  /** It fires with each run of the schedule. */
  scheduled: v.strictObject({
    schedule_id: v.pipe(v.string(), v.nonEmpty(), v.maxLength(256), v.transform((id) => id as ScheduleId)),
  }),
  webhook: NOTHING,
  file_watch: FileWatch,
  email: MailConfig,
  form: FormConfig,
  chat: ChatConfig,
  /** It is called by its alias, or by the end of jobs, or both. */
  workflow_call: v.pipe(
    v.strictObject({
      call_alias: v.nullish(
        v.pipe(v.string(), v.regex(/^[A-Za-z_]\w{0,99}$/, 'must be letters, digits and underscores, no digit first')),
        null,
      ),
      /** Parameters that a caller must give. */
      required: v.optional(v.pipe(v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(200))), v.maxLength(100)), []),
      /** The workflows whose jobs may call; empty: any, and callers that are no jobs. */
      allowed_callers: v.optional(workflowIds, []),
      after: v.nullish(
        v.strictObject({
          workflows: v.pipe(workflowIds, v.minLength(1, 'must name a workflow')),
          statuses: v.optional(
            v.pipe(v.array(v.picklist(['completed', 'failed', 'cancelled', 'timeout'])), v.minLength(1)),
            ['completed'],
          ),
        }),
        null,
      ),
    }),
    v.check(({ call_alias, after }) => call_alias !== null || after !== null, 'needs a call_alias, or after'),
  ),
} as const satisfies { readonly [T in TriggerType]: v.GenericSchema }

export type ConfigOf<T extends TriggerType> = v.InferOutput<(typeof CONFIGS)[T]>

/** The config of a trigger as its type wants it, with what was left out filled in; the refusal names each field. */
export function configOf(type: TriggerType, given: JsonObject): JsonObject | Refusal {
  const parsed = v.safeParse(CONFIGS[type] as unknown as v.GenericSchema<unknown, JsonObject>, given)
  if (parsed.success) return parsed.output
  const fields = parsed.issues.flatMap((issue) => `config.${v.getDotPath(issue) ?? ''}`)
  return refuse('INVALID_PAYLOAD', `config of a trigger of type ${type}: ${problemsOf(parsed.issues)}`, { fields })
}
