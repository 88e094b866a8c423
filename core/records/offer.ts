import type { JobRow } from './job.ts'

/** The fields by which a robot says what its message is about. Both are extensions that robots may leave out. */
export interface Echo {
  readonly offer?: number | undefined
  readonly attempt?: number | undefined
}

/** The number of the attempt that the last offer led to, or would lead to. */
export function attemptOf(job: Pick<JobRow, 'status' | 'attempt'>): number {
  return job.status === 'queued' || job.status === 'pending' ? job.attempt + 1 : job.attempt
}

/**
 * True if a message can be about the last offer of a job. `offer` decides it. A robot that echoes `attempt` and no
 * `offer` tells attempts apart, but not two offers that belong to the same attempt.
 */
export function isCurrent(job: Pick<JobRow, 'status' | 'attempt' | 'offer'>, { offer, attempt }: Echo): boolean {
  return offer === undefined ? attempt === undefined || attempt === attemptOf(job) : offer === job.offer
}
