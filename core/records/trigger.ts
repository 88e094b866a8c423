import type { JobId, JsonText, Millis, SecretHash, TriggerId, WorkflowId } from '../base/ids.ts'
import type { Priority } from './job.ts'
import type { JsonObject } from '../base/json.ts'
import type { TriggerAuth } from '../trigger-types/auth.ts'
import { type ConfigOf, type TriggerType, triggerTypeOf } from '../trigger-types/index.ts'

/** A trigger starts a workflow on events, or when it is called. */
export interface TriggerRow extends Selection {
  readonly id: TriggerId
  readonly name: string
  readonly description: string
  readonly trigger_type: TriggerType
  readonly workflow_id: WorkflowId
  /** The user's own: what belongs together. Empty: none. */
  readonly scenario_id: string
  /** The config of the type: see `trigger-types/`. */
  readonly config: JsonObject
  readonly enabled: boolean
  readonly priority: Priority
  /** Parameters that every job of it gets; those in the event win. */
  readonly parameters: JsonText
  /** 0: none. */
  readonly cooldown_ms: Millis
  readonly auth: TriggerAuth
  /** With `auth: secret`: what `X-Webhook-Secret` must hash to. */
  readonly secret: SecretHash | null
  /** With what callers sign, or it logs in itself, where that is so. Never shown. */
  readonly signing: SigningKey | null
  /** Addresses and ranges that may call; empty: all. */
  readonly allow_from: readonly string[]
  /** The source's cursor: events up to here have been reported and do not fire again. Opaque to us; empty at first. */
  readonly cursor: string
  /** Grows with each change by people. */
  readonly revision: number
  readonly created_by: string
  readonly created_at: Millis
  readonly updated_at: Millis
  readonly last_fired_at: Millis | null
  /** Jobs that it has made. */
  readonly fire_count: number
  /** Of these, those that were completed, and those that failed or took too long. */
  readonly success_count: number
  readonly error_count: number
  /** Events that made no job. */
  readonly skipped_count: number
}

/** Defaults of the settings. */
export const TRIGGER_DEFAULTS = {
  description: '',
  scenario_id: '',
  config: {},
  filter: null,
  mapping: null,
  enabled: true,
  priority: 1,
  parameters: '{}' as JsonText,
  cooldown_ms: 0,
  allow_from: [],
} as const satisfies Partial<TriggerRow>

/** Of a trigger that has just been made. */
export const NO_RUNS_YET = {
  cursor: '',
  revision: 1,
  last_fired_at: null,
  fire_count: 0,
  success_count: 0,
  error_count: 0,
  skipped_count: 0,
} as const satisfies Partial<TriggerRow>

/** An event that reached a trigger, and what became of it: the TriggerEvent of the API reference. */
export interface TriggerEventRow {
  readonly seq: number
  readonly trigger_id: TriggerId
  readonly trigger_type: TriggerType
  readonly workflow_id: WorkflowId
  readonly scenario_id: string
  readonly at: Millis
  readonly payload: JsonText
  readonly metadata: JsonText
  readonly priority: Priority
  readonly outcome: 'fired' | 'skipped'
  /**
   * The reason why it made no job: `filter`, a filter of its type, `cooldown`, or the code of a refusal. Empty if it
   * made one.
   */
  readonly reason: string
  readonly job_id: JobId | null
}

/** Whole seconds until the trigger may fire again: waiting that long is enough. 0 when it may now. */
export function cooldownLeft(trigger: TriggerRow, now: Millis): number {
  // One that fired in the future did so by a clock that was wrong.
  if (trigger.last_fired_at === null || trigger.last_fired_at > now) return 0
  return Math.max(0, Math.ceil((trigger.last_fired_at + trigger.cooldown_ms - now) / 1000))
}

/** By what a trigger fires that happens in the fleet itself, as keys of `State.subscribers`. */
export function subscriptionsOf(trigger: Pick<TriggerRow, 'trigger_type' | 'config'>): readonly string[] {
  return triggerTypeOf(trigger.trigger_type).subscribes(trigger.config)
}

/** The config of a trigger of this type: it was checked when it was saved. */
export function configIn<T extends TriggerType>({ config }: Pick<TriggerRow, 'config'>, _type: T): ConfigOf<T> {
  return config as unknown as ConfigOf<T>
}

/** A key that has to be known itself, because what is signed with it is to be checked; and how, where that is up to us. */
export interface SigningKey {
  readonly key: string
  readonly header: string
  readonly algorithm: 'sha1' | 'sha256' | 'sha512'
  readonly encoding: 'hex' | 'base64'
  readonly prefix: string
}

/** Parameters by their names, and where in the event their values are. */
export type Mapping = Readonly<Record<string, string>>

/** The selection that a trigger makes from its events. */
export interface Selection {
  /** A logical expression of RFC 9535, `@` being the event; null: every event will do. */
  readonly filter: string | null
  /** null: the payload is the parameters. */
  readonly mapping: Mapping | null
}
