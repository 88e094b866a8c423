import type { JobId } from '../../../core/base/ids.ts'
import { isRefusal, type Refusal } from '../../../core/base/refusal.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { Fleet } from '../../fleet/fleet.ts'

/** A request that may wait. */
interface WaitingRequest {
  readonly fleet: Fleet
  readonly signal: AbortSignal
}

/**
 * Resolves with the job once it has ended, or with null if the wait ends first: the time is up, the caller has gone, or the
 * orchestrator stops. `authorize` authorizes the caller anew; a key that was revoked during the wait is refused.
 */
export async function waitForEnd<Access extends object>(
  { fleet, signal }: WaitingRequest,
  id: JobId,
  seconds: number,
  authorize: () => Access | Refusal,
): Promise<JobRow | null | Refusal> {
  const isOver = (): boolean => fleet.phase !== 'running' || isRefusal(authorize())
  const ended = await fleet.watchers.jobEnded(id, { signal, mostMs: seconds * 1_000, isOver })
  const access = authorize()
  return isRefusal(access) ? access : ended
}
