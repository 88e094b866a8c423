import type { calls, CallView, IgnoredCallView } from '../core/api/calls.ts'
import { PATHS } from '../core/api/paths.ts'
import { clientOf } from './routes.ts'
import { type CallOptions, type Transport, waitFor } from './transport.ts'

export interface WorkflowCall extends CallOptions {
  /** The calling job, if there is one. */
  readonly parentJobId?: string | undefined
  /**
   * Identifies the call: another call with the same key returns the same job. Without a key, every call is a new one.
   */
  readonly idempotencyKey?: string | undefined
}

/** Calls a workflow by its alias, as `CasareClient.call` describes. */
export async function call(
  transport: Transport,
  base: string,
  alias: string,
  parameters: object,
  { parentJobId, ...options }: WorkflowCall,
): Promise<CallView | IgnoredCallView> {
  const { start } = clientOf<typeof calls>(transport, base, PATHS.calls)
  const started = await start(alias, { parameters, parent_job_id: parentJobId ?? null }, options)
  if (started.job_id === null) return started
  if (started.ended) return started
  const path = `${base}/api/v1/calls/${encodeURIComponent(started.job_id)}`
  return await waitFor(transport, path, options.signal, (view: CallView) => view.ended)
}
