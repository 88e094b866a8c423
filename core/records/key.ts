import type { JobId, KeyId, Millis, RobotId, SecretHash } from '../base/ids.ts'
import { id, list, oneOf, text } from './fields.ts'
import type { JobStatus } from './job.ts'
import { column, hidden, instant, key, keyed, record, type RowOf } from './record.ts'

/** The rights of a key. `admin` includes the others. */
export const SCOPES = [
  'admin',
  'jobs:read',
  'jobs:submit',
  /** Submit jobs with a definition of their own, which robots run whatever it does. */
  'jobs:submit-definition',
  'jobs:cancel',
  'robots:control',
  'robots:connect',
] as const
export type Scope = (typeof SCOPES)[number]

/** Names that stand for the orchestrator itself in histories, where others have the name of their key. */
const SYSTEM = /^(?:orchestrator|system|engine|(?:robot|trigger|schedule)\s*:.*)$/is

/** The reason why a key may not have this name; null if it may. Invisible characters do not make a name different. */
export function problemWithKeyName(name: string): string | null {
  const seen = name.normalize('NFKC').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim()
  return SYSTEM.test(seen) ? 'must not stand for the orchestrator, a robot, a trigger or a schedule' : null
}

/** A key. Only the hash of the key itself is stored. */
export const Key = record('keys', {
  id: key(id<KeyId>()),
  name: column('text', text),
  secret: hidden<SecretHash, 'text'>('text'),
  scopes: column('json', list(oneOf(SCOPES))),
  /** The one robot that may use it. A robot's key that has none yet is bound to the first that registers with it. */
  robot_id: column('text?', id<RobotId>()),
  created_at: instant('int'),
  revoked_at: instant('int?'),
})
export interface KeyRow extends RowOf<typeof Key> {}

/** The answer to a request with an idempotency key: the same request gets the same answer. */
export const Idempotency = record('idempotency', {
  /** A hash of the caller, the route, and the idempotency key. */
  key: keyed(hidden<string, 'text'>('text')),
  /** SHA-256 of the body. */
  fingerprint: hidden<string, 'text'>('text'),
  job_id: hidden<JobId, 'text'>('text'),
  /** Of the job when it had just been submitted: whether a concurrency limit held it back is not in its row. */
  status: hidden<JobStatus, 'text'>('text'),
  created_at: hidden<Millis, 'int'>('int'),
})
export interface IdempotencyRow extends RowOf<typeof Idempotency> {}
