import type * as v from 'valibot'
import { chat } from './chat.ts'
import { email } from './email.ts'
import { fileWatch } from './file-watch.ts'
import { form } from './form.ts'
import { manual } from './manual.ts'
import { scheduled } from './scheduled.ts'
import type { AnyTriggerType } from './trigger-type.ts'
import { webhook } from './webhook.ts'
import { workflowCall } from './workflow-call.ts'
import { checkValue, invalidFields } from '../protocol/problems.ts'
import type { JsonObject } from '../base/json.ts'
import type { Refusal } from '../base/refusal.ts'

/** Every type of trigger, by its name. */
const TRIGGER_TYPES = byName([manual, scheduled, webhook, fileWatch, email, form, chat, workflowCall])
export type TriggerType = keyof typeof TRIGGER_TYPES
/** The parts of an event that the filters of a type look at. */
export type Screened<T extends TriggerType> = Parameters<(typeof TRIGGER_TYPES)[T]['screen']>[1]
export type ConfigOf<T extends TriggerType> = v.InferOutput<(typeof TRIGGER_TYPES)[T]['config']>

/** Their names, in the order of the API reference. */
export const TRIGGER_TYPE_NAMES = Object.keys(TRIGGER_TYPES) as readonly TriggerType[]

/** The declaration of a type, to be asked about a config that was checked. */
export function triggerTypeOf(type: TriggerType): AnyTriggerType {
  return TRIGGER_TYPES[type] as unknown as AnyTriggerType
}

/** The config of a trigger as its type wants it, with what was left out filled in; the refusal names each field. */
export function configOf(type: TriggerType, given: JsonObject): JsonObject | Refusal {
  const read = checkValue(triggerTypeOf(type).config, given, 'config')
  return 'problems' in read ? invalidFields(read.problems) : read.output
}

function byName<const T extends { readonly name: string }>(
  declared: readonly T[],
): { readonly [N in T['name']]: Extract<T, { readonly name: N }> } {
  return Object.fromEntries(declared.map((one) => [one.name, one])) as never
}
