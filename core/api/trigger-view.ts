import type { JobStatus } from '../records/job.ts'
import type { TriggerEventRow, TriggerRow } from '../records/trigger.ts'
import type { ShownAuth } from '../trigger-types/auth.ts'
import type { Anything, Shown, Time } from './view.ts'

/** A trigger, without its secret. */
export interface TriggerView extends
  Shown<
    TriggerRow,
    | 'id'
    | 'name'
    | 'description'
    | 'trigger_type'
    | 'workflow_id'
    | 'scenario_id'
    | 'filter'
    | 'mapping'
    | 'enabled'
    | 'priority'
    | 'allow_from'
    | 'revision'
    | 'created_by'
    | 'success_count'
    | 'error_count'
    | 'skipped_count'
  > {
  /** The authentication of callers; for a chat, its platform. */
  readonly auth: ShownAuth
  readonly config: Anything
  readonly parameters: Anything
  readonly cooldown_seconds: number
  readonly has_secret: boolean
  /** The path for callers from outside; null if there is none. */
  readonly webhook_path: string | null
  readonly last_triggered: Time | null
  readonly trigger_count: number
  /** The state of the source that listens for it; null for types without a source, and while it is disabled. */
  readonly source: { readonly state: string; readonly detail: string; readonly since: Time } | null
  readonly created_at: Time
  readonly updated_at: Time
}

/** A trigger that was made or changed just now: a secret that was made for it is shown this once. */
export interface NewTriggerView extends TriggerView {
  readonly secret: string | null
}

/** The TriggerEvent of the API reference, and what became of it. */
export interface TriggerEventView extends
  Shown<
    TriggerEventRow,
    'seq' | 'trigger_id' | 'trigger_type' | 'workflow_id' | 'scenario_id' | 'priority' | 'outcome' | 'reason' | 'job_id'
  > {
  readonly timestamp: Time
  readonly payload: Anything
  readonly metadata: Anything
}

/** The present state of a call. */
export interface CallView {
  readonly job_id: string | null
  readonly workflow_id: string
  readonly status: JobStatus
  /** True if the job has ended. Otherwise ask again. */
  readonly ended: boolean
  /** The robot's result; `{}` if there is none. */
  readonly result: unknown
  readonly error_type: string
  readonly error_message: string
  readonly parent_job_id: string | null
}

/** The outcome of a manual firing. */
export interface FiringView {
  readonly status: 'accepted' | 'ignored'
  readonly trigger_id: string
  readonly job_id: string | null
  readonly message: string
}
