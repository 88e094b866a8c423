import type { CallView } from '../core/api/trigger-view.ts'
import { newIdempotencyKey } from './idempotency.ts'
import type { CallOptions, Transport } from './transport.ts'

/** The wait that is requested of the orchestrator at a time. It stays below the timeout of one try. */
const WAIT_SECONDS = 20

export interface WorkflowCall extends CallOptions {
  /** The calling job, if there is one. */
  readonly parentJobId?: string | undefined
  /**
   * Identifies the call: another call with the same key returns the same job. Without a key, every call is a new one.
   */
  readonly idempotencyKey?: string | undefined
}

/**
 * Calls a workflow by its alias and resolves with the outcome once the job has ended, successfully or not. A call that
 * the trigger's filter rejects resolves at once, with `job_id` null.
 */
export async function call(
  transport: Transport,
  root: string,
  alias: string,
  parameters: object,
  { parentJobId, idempotencyKey = newIdempotencyKey(), signal }: WorkflowCall,
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
