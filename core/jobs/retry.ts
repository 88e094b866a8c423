import type { Millis } from '../base/ids.ts'
import type { JobRow } from '../records/job.ts'
import type { Settings } from '../settings.ts'
import type { Rng } from '../base/random.ts'

/**
 * How long to wait before trying again: doubles with each failure in a row, up to the maximum, less up to a quarter
 * by chance, so that what failed together does not come back together.
 */
export function backoff(failures: number, settings: Pick<Settings, 'backoffMs' | 'backoffMsMax'>, random: Rng): Millis {
  const full = Math.min(settings.backoffMs * 2 ** Math.min(failures - 1, 30), settings.backoffMsMax)
  return Math.round(full * (1 - random() / 4))
}

/** What robots call errors that may be gone the next time. Anything else is the workflow's, and comes again. */
const TRANSIENT = new Set([
  'ConnectionError',
  'ConnectionResetError',
  'NetworkError',
  'ResourceBusy',
  'ResourceBusyError',
  'TemporaryError',
  'TimeoutError',
  'TransientError',
])

/** Whether a failure of this type is worth another attempt, by the job's own list or else by ours. */
export function isTransient(errorType: string, job: Pick<JobRow, 'retry_on'>): boolean {
  return job.retry_on.length > 0 ? job.retry_on.includes(errorType) : TRANSIENT.has(errorType)
}
