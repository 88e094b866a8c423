import type { TriggerId, WorkflowId } from '../../../core/ids.ts'
import type { JsonObject } from '../../../core/protocol/json.ts'
import { NO_RUNS_YET, TRIGGER_DEFAULTS, type TriggerRow } from '../../../core/trigger.ts'

/** A trigger that takes mail, as it is kept. */
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
