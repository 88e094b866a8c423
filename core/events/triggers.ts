import type { JobId, JsonText, KeyId, ReplyId, RobotId, SecretHash, TriggerId } from '../base/ids.ts'
import type { Refusal } from '../base/refusal.ts'
import type { Secret } from '../base/secret.ts'
import type { TriggerType } from '../trigger-types/index.ts'
import type { SigningKey, TriggerRow } from '../records/trigger.ts'
import type { ShownAuth } from '../trigger-types/auth.ts'

/** Events about triggers, and events from outside for them. */

export interface TriggerSaved {
  readonly type: 'trigger.saved'
  readonly reply: ReplyId
  readonly trigger: TriggerId
  /** null: the id must be new; otherwise the revision that is changed. */
  readonly revision: number | null
  readonly by: string
  /** The settings of a request, its credential apart. The config is valid for its type. */
  readonly settings: Pick<
    TriggerRow,
    | 'name'
    | 'description'
    | 'trigger_type'
    | 'workflow_id'
    | 'scenario_id'
    | 'config'
    | 'filter'
    | 'mapping'
    | 'enabled'
    | 'priority'
    | 'parameters'
    | 'cooldown_ms'
    | 'allow_from'
  >
  readonly credential: GivenCredential
}

/** The credential in a request, and random secrets for what the request leaves open. */
export interface GivenCredential {
  /** null: not given. */
  readonly auth: ShownAuth | null
  readonly secret: Secret | 'kept' | 'removed'
  /** The form of signatures that no scheme settles. */
  readonly signature: Omit<SigningKey, 'key'> | null
  /** Made for this event: to be shown, in either form, or as a key that is never shown. */
  readonly fresh: { readonly plain: Secret; readonly standard: Secret; readonly key: Secret }
}

/** A trigger fires, except by calls to `/webhook/{trigger_id}`, which are a separate event. */
export interface TriggerFired {
  readonly type: 'trigger.fired'
  readonly reply: ReplyId
  readonly job: JobId
  readonly trigger: TriggerId
  /** The type that the trigger must have; null: a user fires it by hand, whatever its type. */
  readonly as: TriggerType | null
  /** The caller, and the key whose limit it counts for, if any; null: the trigger's own source. */
  readonly by: { readonly name: string; readonly key: KeyId | null } | null
  readonly payload: JsonText
  readonly metadata: JsonText
  /** Makes a repeated call get the same answer, as with webhooks. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
  /** The source's cursor after this event, saved in the same turn; null if it has none. */
  readonly cursor: string | null
  /** The caller reads no answer: a refusal is recorded as an event of the trigger. */
  readonly fire_and_forget: boolean
  /** The verdict of the filters of the trigger's type: see `screen`. null: they were not evaluated. */
  readonly screening: Screening | null
}

/** True if the filters of a trigger's type reject an event. */
export interface Screening {
  /** Of the trigger whose filters were asked: it may have others by now. */
  readonly revision: number
  /** The field of its config that passes it over; null: none does. */
  readonly reason: string | null
}

/** A job, a user or a program calls a workflow by the alias of its trigger. */
export interface WorkflowCalled {
  readonly type: 'workflow.called'
  readonly reply: ReplyId
  readonly job: JobId
  readonly alias: string
  readonly by: { readonly name: string; readonly key: KeyId | null }
  /** The robot whose key it is: it may only call for a job that it is running. null: any other caller. */
  readonly robot: RobotId | null
  readonly parent: JobId | null
  readonly payload: JsonText
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
}

/** The shell's findings about the caller, since the core cannot verify signatures and knows no addresses. */
export interface CallerCheck {
  /** The key that the signature was verified with; null if none was. The trigger may have another by now. */
  readonly key: string | null
  /** The reason to refuse the caller; null if there is none. */
  readonly refused: Refusal | null
}

/** A call of `POST /webhook/{trigger_id}`. The body is decoded; an error in it is reported in the turn. */
export interface WebhookReceived {
  readonly type: 'webhook.received'
  readonly reply: ReplyId
  readonly job: JobId
  readonly trigger: TriggerId
  readonly secret: SecretHash | null
  readonly caller_check: CallerCheck
  /** null: the sender only checks the address, as some do before they send events. */
  readonly data: JsonText | Refusal | null
  readonly metadata: JsonText
  /** Makes a repeated delivery get the same answer: a hash of its trigger and of the sender's id for it. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
}

export interface TriggerSwitched {
  readonly type: 'trigger.switched'
  readonly reply: ReplyId
  readonly trigger: TriggerId
  readonly enabled: boolean
}

export interface TriggerDeleted {
  readonly type: 'trigger.deleted'
  readonly reply: ReplyId
  readonly trigger: TriggerId
}

/** A source has moved its cursor, without an event for its trigger. */
export interface TriggerRead {
  readonly type: 'trigger.read'
  readonly reply: ReplyId
  readonly trigger: TriggerId
  readonly cursor: string
}
