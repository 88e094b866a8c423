import type * as v from 'valibot'
import type { ScheduleId, WorkflowId } from '../base/ids.ts'
import type { JsonObject } from '../base/json.ts'

/** The rule for the credential of a type. `triggers/credentials.ts` has the rules, one for each name. */
export type CredentialRule = 'none' | 'secret-or-signature' | 'access-code' | 'platform-key' | 'password'

/** A row that must exist because a config names it, or an alias that no other trigger may have; and the field that names it. */
export type Reference =
  & { readonly field: string }
  & (
    | { readonly record: 'workflow'; readonly id: WorkflowId }
    | { readonly record: 'schedule'; readonly id: ScheduleId }
    | { readonly record: 'alias'; readonly alias: string }
  )

/** Everything that the rest of the orchestrator asks about a type of trigger. A question that is left open does not compile. */
export interface TriggerTypeDeclaration<Name extends string, Config, Subject> {
  /** The field `trigger_type`. */
  readonly name: Name
  /** Reads the field `config`, and fills in what was left out. */
  readonly config: v.GenericSchema<unknown, Config>
  readonly credential: CredentialRule
  /** The path at which a trigger of this type is called from outside: `/webhook/{id}`. Null if it is not. */
  readonly path: `/${string}` | null
  /** Calls of one trigger are limited (`webhook_calls_max`), as they come without a key. */
  readonly rateLimited: boolean
  /** Its events are reported once and nobody waits for the reply: one that starts no job is written down as skipped. */
  readonly source: boolean
  /** The orchestrator itself listens for this trigger, so its fleet stays in memory. */
  listens(config: Config): boolean
  /** The cursor means the same after the config has changed, as it names the place by itself. */
  readonly cursorSurvivesEdit: boolean
  /**
   * The records that must exist, or the alias that must be free, when the trigger is saved, in the order of the checks.
   */
  references(config: Config): readonly Reference[]
  /** The internal events that fire the trigger: topics of `topic.ts`. */
  subscribes(config: Config): readonly string[]
  /**
   * The field of the config whose filter passes something over; null if none does. An event that is passed over is skipped
   * with this field as its reason.
   */
  screen(config: Config, subject: Subject): string | null
}

/** A type whose config is not known more closely than that it was checked. */
export type AnyTriggerType = TriggerTypeDeclaration<string, JsonObject, unknown>

/** Declares a type of trigger. */
export function triggerType<const Name extends string, Config, Subject>(
  declaration: TriggerTypeDeclaration<Name, Config, Subject>,
): TriggerTypeDeclaration<Name, Config, Subject> {
  return declaration
}
