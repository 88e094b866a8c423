import type { CallView } from '../core/api/trigger-view.ts'
import { newKey } from './jobs.ts'
import type { CallOptions, Transport } from './transport.ts'

/** How long the orchestrator is asked to wait at a time. Below what a try may take. */
const WAIT_SECONDS = 20

export interface WorkflowCall extends CallOptions {
  /** The job that calls, if one does. */
  readonly parentJobId?: string | undefined
  /** What makes this call the same as another. Without one, each is a call of its own. */
  readonly idempotencyKey?: string | undefined
}

/**
 * Calls a workflow by its alias and resolves with what became of it once it has ended, however it ended. What the filter of
 * its trigger does not let pass resolves at once, with `job_id` null.
 */
export async function call(
  transport: Transport,
  root: string,
  alias: string,
  parameters: object,
  { parentJobId, idempotencyKey = newKey(), signal }: WorkflowCall,
): Promise<CallView> {
  const body = { parameters, parent_job_id: parentJobId ?? null }
  const headers = { 'Idempotency-Key': idempotencyKey }
  const asked = { body, headers, repeatable: true, signal }
  let view = await transport.send<CallView>('POST', `${root}/${encodeURIComponent(alias)}`, asked)
  while (view.job_id !== null && !view.ended) {
    const query = { wait_seconds: WAIT_SECONDS }
    view = await transport.send('GET', `${root}/${view.job_id}`, { query, signal, patient: true })
  }
  return view
}
