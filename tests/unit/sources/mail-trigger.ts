import type { TriggerId, WorkflowId } from '../../../core/base/ids.ts'
import type { JsonObject } from '../../../core/base/json.ts'
import { NO_RUNS_YET, TRIGGER_DEFAULTS, type TriggerRow } from '../../../core/records/trigger.ts'

/** The stored row of a trigger that takes mail. */
export function mailTrigger(config: JsonObject, password: string, more: Partial<TriggerRow> = {}): TriggerRow {
  return {
    ...TRIGGER_DEFAULTS,
    ...NO_RUNS_YET,
    id: 'mails' as TriggerId,
    name: 'Mails',
    trigger_type: 'email',
    workflow_id: 'flow' as WorkflowId,
    auth: 'none',
    secret: null,
    signing: { key: password, header: '', algorithm: 'sha256', encoding: 'hex', prefix: '' },
    created_by: 'admin',
    created_at: 0,
    updated_at: 0,
    config,
    ...more,
  }
}
