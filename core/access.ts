import type { SecretHash } from './ids.ts'
import { type Refusal, refuse } from './protocol/refusal.ts'
import type { KeyRow, Scope, State } from './state.ts'

/**
 * Whose key this is, if it may do what the scope names. The key itself never gets here, only its hash; comparing
 * hashes tells nothing about keys, however long it takes.
 */
export function authorize(state: State, credential: SecretHash | null, scope: Scope): KeyRow | Refusal {
  if (credential === null) return refuse('AUTHENTICATION_FAILED', 'Missing API key: send Authorization: Bearer <key>')
  const id = state.keysBySecret.get(credential)
  const key = id === undefined ? undefined : state.keys.get(id)
  if (key === undefined) return refuse('AUTHENTICATION_FAILED', 'Unknown API key')
  if (key.revoked_at !== null) return refuse('AUTHENTICATION_FAILED', 'This API key has been revoked')
  if (key.scopes.includes(scope) || key.scopes.includes('admin')) return key
  return refuse('FORBIDDEN', `This API key lacks the scope ${scope}`, { required_scope: scope })
}
