import type { JobId, JsonText, Millis, SecretHash, TriggerId, WorkflowId } from '../base/ids.ts'
import * as v from 'valibot'
import { anyObject, count, flag, id, list, number, oneOf, text } from './fields.ts'
import { PRIORITIES } from './job.ts'
import { column, computed, hidden, instant, jsonText, key, record, type RowOf, sequence } from './record.ts'
import type { JsonObject } from '../base/json.ts'
import type { TriggerAuth } from '../trigger-types/auth.ts'
import { type ConfigOf, TRIGGER_TYPE_NAMES, type TriggerType, triggerTypeOf } from '../trigger-types/index.ts'

/** A trigger: what starts a workflow by itself, or when somebody or something calls it. */
export const Trigger = record('triggers', {
  id: key(id<TriggerId>()),
  name: column('text', text),
  description: column('text', text),
  trigger_type: column('text', oneOf(TRIGGER_TYPE_NAMES)),
  workflow_id: column('text', id<WorkflowId>()),
  /** The user's own: what belongs together. Empty: none. */
  scenario_id: column('text', text),
  /** The settings of its type: `config` in `trigger-types/`. */
  config: column('json', anyObject as v.GenericSchema<JsonObject>),
  /** A logical expression of RFC 9535, `@` being the event; null: every event passes. */
  filter: column('text?', text),
  /** The path in the event at which each parameter has its value; null: the payload is the parameters. */
  mapping: column('json?', v.record(v.string(), v.string()) as v.GenericSchema<Mapping>),
  enabled: column('flag', flag),
  priority: column('int', v.picklist(PRIORITIES)),
  /** Parameters of every job that it makes; those in the event win. */
  parameters: jsonText('text', anyObject),
  /** 0: none. */
  cooldown_ms: hidden<Millis, 'int'>('int'),
  auth: hidden<TriggerAuth, 'text'>('text'),
  /** With `auth: secret`: what `X-Webhook-Secret` must hash to. */
  secret: hidden<SecretHash, 'text?'>('text?'),
  /** The key that callers sign with, or with which the trigger itself logs in. */
  signing: hidden<SigningKey, 'json?'>('json?'),
  /** Addresses and ranges that may call; empty: all. */
  allow_from: column('json', list(text)),
  /** The source's cursor: events up to here have been reported and do not fire again. Opaque; empty at first. */
  cursor: hidden<string, 'text'>('text'),
  last_triggered: instant('int?'),
  /** Jobs that it has made. */
  trigger_count: column('int', count),
  /** Of these, those that were completed, and those that failed or took too long. */
  success_count: column('int', count),
  error_count: column('int', count),
  /** Events that made no job. */
  skipped_count: column('int', count),
  /** Grows with each change by people. */
  revision: column('int', count),
  created_by: column('text', text),
  created_at: instant('int'),
  updated_at: instant('int'),
}, {
  cooldown_seconds: computed(number, ({ cooldown_ms }: { readonly cooldown_ms: Millis }) => cooldown_ms / 1000),
})
export interface TriggerRow extends RowOf<typeof Trigger> {}

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
  last_triggered: null,
  trigger_count: 0,
  success_count: 0,
  error_count: 0,
  skipped_count: 0,
} as const satisfies Partial<TriggerRow>

/** An event that reached a trigger, with its outcome: the TriggerEvent of the API reference. */
export const TriggerEvent = record('trigger_events', {
  seq: sequence(),
  trigger_id: column('text', id<TriggerId>()),
  trigger_type: column('text', oneOf(TRIGGER_TYPE_NAMES)),
  workflow_id: column('text', id<WorkflowId>()),
  scenario_id: column('text', text),
  priority: column('int', v.picklist(PRIORITIES)),
  outcome: column('text', oneOf(['fired', 'skipped'])),
  /** The reason for which it made no job: `filter`, a filter of its type, `cooldown`, or the code of a refusal. Empty for one that did. */
  reason: column('text', text),
  job_id: column('text?', id<JobId>()),
  timestamp: instant('int'),
  payload: jsonText('text'),
  metadata: jsonText('text'),
})
export interface TriggerEventRow extends RowOf<typeof TriggerEvent> {}

/** Whole seconds until the trigger may fire again: waiting that long is enough. 0 when it may now. */
export function cooldownLeft(trigger: TriggerRow, now: Millis): number {
  // One that fired in the future did so by a clock that was wrong.
  if (trigger.last_triggered === null || trigger.last_triggered > now) return 0
  return Math.max(0, Math.ceil((trigger.last_triggered + trigger.cooldown_ms - now) / 1000))
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

/** Which events of a trigger make a job, and with which parameters. */
export type Selection = Pick<TriggerRow, 'filter' | 'mapping'>
