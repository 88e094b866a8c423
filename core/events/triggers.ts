import type { JobId, JsonText, KeyId, ReplyId, RobotId, SecretHash, TriggerId } from '../base/ids.ts'
import type { Refusal } from '../base/refusal.ts'
import type { TriggerType } from '../trigger-types/index.ts'
import type { TriggerRow } from '../records/trigger.ts'

/** What can happen to triggers, and what comes to them from outside. */

export interface TriggerSaved {
  readonly type: 'trigger.saved'
  readonly reply: ReplyId
  readonly trigger: TriggerId
  /** null: the id must be new; otherwise the revision that is changed. */
  readonly revision: number | null
  readonly by: string
  /** All that people say of it. The config is as its type wants it. */
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
    | 'auth'
    | 'secret'
    | 'signing'
    | 'allow_from'
  >
}

/** A call of a trigger by anybody but the callers of webhooks, of whom less is known. */
export interface TriggerFired {
  readonly type: 'trigger.fired'
  readonly reply: ReplyId
  readonly job: JobId
  readonly trigger: TriggerId
  /** Of which type the trigger must be; null: somebody fires it by hand, whatever it is. */
  readonly as: TriggerType | null
  /** Who does, and with which key where there is a limit on how many may come with it; null: the trigger itself. */
  readonly by: { readonly name: string; readonly key: KeyId | null } | null
  readonly payload: JsonText
  readonly metadata: JsonText
  /** A call that comes again gets the same answer, as with webhooks. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
  /** Up to where its source has told of what it has, this included. Kept in the same turn; null: it has no places. */
  readonly cursor: string | null
  /** The author reads no answer: where there can be no job, the reason stands in the events of the trigger. */
  readonly fire_and_forget: boolean
}

/** A job, a person or a program calls a workflow by the alias of its trigger. */
export interface WorkflowCalled {
  readonly type: 'workflow.called'
  readonly reply: ReplyId
  readonly job: JobId
  readonly alias: string
  readonly by: { readonly name: string; readonly key: KeyId | null }
  /** The robot whose key it is: it calls for a job that it is running, and for no other. null: anybody else. */
  readonly robot: RobotId | null
  readonly parent: JobId | null
  readonly payload: JsonText
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
}

/** What the shell has found out about who calls: the core cannot compute a signature, and knows no addresses. */
export interface CallerCheck {
  /** The key that the signature was checked with; null where none was. The trigger may have another by now. */
  readonly key: string | null
  /** Why the caller is not let in; null when nothing speaks against it. */
  readonly refused: Refusal | null
}

/** A call of `POST /webhook/{trigger_id}`. The body is decoded already; what is wrong with it is told in its turn. */
export interface WebhookReceived {
  readonly type: 'webhook.received'
  readonly reply: ReplyId
  readonly job: JobId
  readonly trigger: TriggerId
  readonly secret: SecretHash | null
  readonly caller_check: CallerCheck
  readonly data: JsonText | Refusal
  readonly metadata: JsonText
  /** A delivery that comes again gets the same answer: a hash of its trigger and of the sender's id for it. */
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

/** A source has come to this place, and there was nothing for its trigger on the way. */
export interface TriggerRead {
  readonly type: 'trigger.read'
  readonly reply: ReplyId
  readonly trigger: TriggerId
  readonly cursor: string
}
