import { shownCredential } from '../../core/triggers/credentials.ts'
import { triggerTypeOf } from '../../core/trigger-types/index.ts'
import { fromText, type JsonObject } from '../../core/base/json.ts'
import { isLive, type JobRow } from '../../core/records/job.ts'
import type { CallView, FiringView, TriggerEventView, TriggerView } from '../../core/api/trigger-view.ts'
import type { Reply } from '../../core/reply.ts'
import type { TriggerEventRow, TriggerRow } from '../../core/records/trigger.ts'
import type { SourceStatus } from '../sources/sources.ts'
import { iso } from './records.ts'

/** A trigger, without its secret, which is not stored or must not be shown. */
export function triggerView(trigger: TriggerRow, source: SourceStatus | null): TriggerView {
  const { path } = triggerTypeOf(trigger.trigger_type)
  return {
    id: trigger.id,
    name: trigger.name,
    description: trigger.description,
    trigger_type: trigger.trigger_type,
    workflow_id: trigger.workflow_id,
    scenario_id: trigger.scenario_id,
    config: trigger.config,
    filter: trigger.filter,
    mapping: trigger.mapping,
    enabled: trigger.enabled,
    priority: trigger.priority,
    parameters: fromText(trigger.parameters) as JsonObject,
    cooldown_seconds: trigger.cooldown_ms / 1000,
    ...shownCredential(trigger),
    allow_from: trigger.allow_from,
    webhook_path: path === null ? null : `${path}/${encodeURIComponent(trigger.id)}`,
    source: source && { state: source.state, detail: source.detail, since: iso(source.since) },
    last_triggered: iso(trigger.last_fired_at),
    trigger_count: trigger.fire_count,
    success_count: trigger.success_count,
    error_count: trigger.error_count,
    skipped_count: trigger.skipped_count,
    revision: trigger.revision,
    created_by: trigger.created_by,
    created_at: iso(trigger.created_at),
    updated_at: iso(trigger.updated_at),
  }
}

/** One event that reached a trigger. */
export function triggerEventView({ at, payload, metadata, ...event }: TriggerEventRow): TriggerEventView {
  return {
    ...event,
    timestamp: iso(at),
    payload: fromText(payload) as JsonObject,
    metadata: fromText(metadata) as JsonObject,
  }
}

/** The present state of a call. */
export function callView(job: JobRow): CallView {
  return {
    job_id: job.id,
    workflow_id: job.workflow_id,
    status: job.status,
    ended: !isLive(job.status),
    result: job.result === null ? {} : fromText(job.result),
    error_type: job.error_type,
    error_message: job.error_message,
    parent_job_id: job.parent_job_id,
  }
}

/** The answer to a caller of a trigger, in the API reference's format for webhooks. */
export function firingView({ trigger, job, skipped }: Extract<Reply, { type: 'fired' }>): FiringView {
  return job === null
    ? { status: 'ignored', trigger_id: trigger.id, job_id: null, message: `No job was made: ${skipped ?? ''}` }
    : { status: 'accepted', trigger_id: trigger.id, job_id: job.id, message: 'Workflow execution triggered' }
}
