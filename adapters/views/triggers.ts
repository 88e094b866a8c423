import { shownCredential } from '../../core/triggers/credentials.ts'
import { triggerTypeOf } from '../../core/trigger-types/index.ts'
import { fromText } from '../../core/base/json.ts'
import { isLive, type JobRow } from '../../core/records/job.ts'
import type { CallView } from '../../core/api/trigger-view.ts'
import type { FiringView, TriggerView } from '../../core/api/triggers.ts'
import type { Reply } from '../../core/reply.ts'
import { Trigger, type TriggerRow } from '../../core/records/trigger.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { instantText } from '../../core/base/instant.ts'

/** Shows a trigger, with the state of what listens for it. Its secret is not shown. */
export function triggerView(fleet: Pick<Fleet, 'sourceStatus'>, trigger: TriggerRow): TriggerView {
  const { path } = triggerTypeOf(trigger.trigger_type)
  const source = fleet.sourceStatus(trigger.id)
  return {
    ...Trigger.show(trigger),
    ...shownCredential(trigger),
    webhook_path: path === null ? null : `${path}/${encodeURIComponent(trigger.id)}`,
    source: source && { ...source, since: instantText(source.since) },
  }
}

/** Shows the outcome of a call so far. */
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

/** Shows whether a trigger has fired, in the shape that the API reference gives webhooks. */
export function firingView({ trigger, job, skipped }: Extract<Reply, { type: 'fired' }>): FiringView {
  return job === null
    ? { status: 'ignored', trigger_id: trigger.id, job_id: null, message: `No job was made: ${skipped ?? ''}` }
    : { status: 'accepted', trigger_id: trigger.id, job_id: job.id, message: 'Workflow execution triggered' }
}
