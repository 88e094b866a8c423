import type { JobSubmitted } from '../events/jobs.ts'
import type { State } from '../state.ts'
import type { Turn } from '../turn.ts'
import type { IdempotencyRow } from '../records/key.ts'
import type { JobRow } from '../records/job.ts'

type Idempotency = JobSubmitted['idempotency']

/** The answer to an earlier equal request, if it is not too old. */
export function findIdempotent(state: State, idempotency: Idempotency, turn: Turn): IdempotencyRow | undefined {
  if (idempotency === null) return undefined
  const earlier = turn.out.rows.idempotency.get(idempotency.key) ?? turn.prefetched.idempotency.get(idempotency.key)
  const recent = earlier !== undefined && turn.now - earlier.created_at < state.settings.idempotencyMs
  return recent ? earlier : undefined
}

/** Remembers what a request is answered with. */
export function saveIdempotent(idempotency: Idempotency, job: JobRow, turn: Turn): void {
  if (idempotency === null) return
  const row = { ...idempotency, job_id: job.id, status: job.status, created_at: turn.now }
  turn.out.rows.idempotency.set(row.key, row)
}
