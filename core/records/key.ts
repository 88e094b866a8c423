import type { JobId, KeyId, Millis, RobotId, SecretHash } from '../base/ids.ts'
import type { JobStatus } from './job.ts'

/** What a key may do. `admin` includes the others. */
export const SCOPES = [
  'admin',
  'jobs:read',
  'jobs:submit',
  /** Jobs that come with a definition of their own: robots do whatever it says. */
  'jobs:submit-definition',
  'jobs:cancel',
  'robots:control',
  'robots:connect',
] as const
export type Scope = (typeof SCOPES)[number]

/** What an API key can be made of: a request carries it in a header, behind a space. */
const KEY = /^[!-~]+$/

/** Why no request can come with this key; null when one can. */
export function problemWithKey(key: string): string | null {
  return KEY.test(key) ? null : 'must consist of ASCII letters, digits and signs, without white space'
}

/** What stands for the orchestrator itself in histories, where others have the name of their key. */
const SYSTEM = /^(?:orchestrator|system|engine|(?:robot|trigger|schedule)\s*:.*)$/is

/** Why a key may not be called so; null when it may. What cannot be seen does not make another name of one. */
export function problemWithKeyName(name: string): string | null {
  const seen = name.normalize('NFKC').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim()
  return SYSTEM.test(seen) ? 'must not stand for the orchestrator, a robot, a trigger or a schedule' : null
}

/** A key, without the key itself. */
export interface KeyRow {
  readonly id: KeyId
  readonly name: string
  readonly secret: SecretHash
  readonly scopes: readonly Scope[]
  /** The one robot that may use it. A robot's key that has none yet is bound to the first that registers with it. */
  readonly robot_id: RobotId | null
  readonly created_at: Millis
  readonly revoked_at: Millis | null
}

/** What was answered to a request with an idempotency key: the same request gets the same answer. */
export interface IdempotencyRow {
  /** Whose request, to which route, with which key: hashed. */
  readonly key: string
  /** SHA-256 of the body. */
  readonly fingerprint: string
  readonly job_id: JobId
  /** Of the job when it had just been submitted: whether a concurrency limit held it back is not in its row. */
  readonly status: JobStatus
  readonly created_at: Millis
}
