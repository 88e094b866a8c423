import { IDEMPOTENCY_KEY } from '../api/fields.ts'
import { canonicalJson } from '../base/canonical.ts'
import type { KeyId } from '../base/ids.ts'
import { type Refusal, refuse } from '../base/refusal.ts'
import type { JobSubmitted } from '../events/jobs.ts'
import type { State } from '../state.ts'
import type { Turn } from '../turn.ts'
import type { IdempotencyRow } from '../records/key.ts'
import type { JobRow } from '../records/job.ts'

type Idempotency = JobSubmitted['idempotency']

/**
 * Identifies a request by its `Idempotency-Key`. The key covers one route and one API key: elsewhere the same text is
 * another key. The fingerprint tells whether a repeated request has the same body. INVALID_PAYLOAD for a key of another
 * form; the draft standard writes it as a quoted string, and a bare one is accepted too. `hash`: SHA-256.
 */
export function identifyRequest(
  header: string,
  { key, route, body }: { readonly key: KeyId; readonly route: string; readonly body: unknown },
  hash: (text: string) => string,
): NonNullable<Idempotency> | Refusal {
  const given = /^"(.*)"$/.exec(header)?.[1] ?? header
  if (!IDEMPOTENCY_KEY.test(given)) {
    const message = 'Idempotency-Key must be 1 to 255 visible ASCII characters'
    return refuse('INVALID_PAYLOAD', message, { fields: ['Idempotency-Key'] })
  }
  return { key: hash(JSON.stringify([key, route, given])), fingerprint: hash(canonicalJson(body)) }
}

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
