import { shownCredential } from '../../core/triggers/credentials.ts'
import { triggerTypeOf } from '../../core/trigger-types/index.ts'
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

/** Shows whether a trigger has fired, in the shape that the API reference gives webhooks. */
export function firingView({ trigger, job, skipped }: Extract<Reply, { type: 'fired' }>): FiringView {
  return job === null
    ? { status: 'ignored', trigger_id: trigger.id, job_id: null, message: `No job was made: ${skipped ?? ''}` }
    : { status: 'accepted', trigger_id: trigger.id, job_id: job.id, message: 'Workflow execution triggered' }
}
