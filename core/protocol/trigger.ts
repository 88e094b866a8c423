import * as v from 'valibot'
import type { ScheduleId } from '../ids.ts'
import { problemsOf } from './decode.ts'
import type { JsonObject } from './json.ts'
import { type Refusal, refuse } from './refusal.ts'

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

const NOTHING = v.strictObject({})

/** What each type asks for in the field `config`. */
export const CONFIGS = {
  manual: NOTHING,
  /** It fires with each run of the schedule. */
  scheduled: v.strictObject({
    schedule_id: v.pipe(v.string(), v.nonEmpty(), v.maxLength(256), v.transform((id) => id as ScheduleId)),
  }),
  webhook: NOTHING,
  file_watch: NOTHING,
  email: NOTHING,
  form: NOTHING,
  chat: NOTHING,
  workflow_call: NOTHING,
} as const satisfies { readonly [T in TriggerType]: v.GenericSchema }

export type ConfigOf<T extends TriggerType> = v.InferOutput<(typeof CONFIGS)[T]>

/** The config of a trigger as its type wants it, with what was left out filled in; the refusal names each field. */
export function configOf(type: TriggerType, given: JsonObject): JsonObject | Refusal {
  const parsed = v.safeParse(CONFIGS[type] as v.GenericSchema<unknown, JsonObject>, given)
  if (parsed.success) return parsed.output
  const fields = parsed.issues.flatMap((issue) => `config.${v.getDotPath(issue) ?? ''}`)
  return refuse('INVALID_PAYLOAD', `config of a trigger of type ${type}: ${problemsOf(parsed.issues)}`, { fields })
}
