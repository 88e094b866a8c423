import type { Millis } from '../base/ids.ts'
import type { JobRow } from '../records/job.ts'
import type { Settings } from '../settings.ts'
import type { Rng } from '../base/random.ts'

/**
 * Milliseconds before the next try: doubles with each failure in a row up to the maximum, minus up to a quarter at
 * random, so that jobs which failed together do not return together.
 */
export function backoff(failures: number, settings: Pick<Settings, 'backoffMs' | 'backoffMsMax'>, random: Rng): Millis {
  const full = Math.min(settings.backoffMs * 2 ** Math.min(failures - 1, 30), settings.backoffMsMax)
  return Math.round(full * (1 - random() / 4))
}

/**
 * Error types that robots report for problems which may be temporary. Any other error is the workflow's, and would
 * recur.
 */
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

/** True if a failure of this type justifies another attempt, by the job's own list or else by ours. */
export function isTransient(errorType: string, job: Pick<JobRow, 'retry_on'>): boolean {
  return job.retry_on.length > 0 ? job.retry_on.includes(errorType) : TRANSIENT.has(errorType)
}
