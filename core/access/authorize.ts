import type { KeyId, RobotId, SecretHash } from '../base/ids.ts'
import { type Refusal, refuse } from '../base/refusal.ts'
import type { KeyRow, Scope } from '../records/key.ts'
import type { State } from '../state.ts'

/**
 * The key of a credential, if it has the scope. The key itself never gets here, only its hash, so the time of the
 * comparison reveals nothing about keys.
 */
export function authorize(state: State, credential: SecretHash | null, scope: Scope): KeyRow | Refusal {
  if (credential === null) return refuse('AUTHENTICATION_FAILED', 'Missing API key: send Authorization: Bearer <key>')
  const id = state.keysBySecret.get(credential)
  const key = id === undefined ? undefined : state.keys.get(id)
  if (key === undefined) return refuse('AUTHENTICATION_FAILED', 'Unknown API key')
  if (key.revoked_at !== null) return refuse('AUTHENTICATION_FAILED', 'This API key has been revoked')
  return missingScope(key, scope) ?? key
}

/** The reason why a key lacks the scope; null if it has it. */
export function missingScope(key: KeyRow, scope: Scope): Refusal | null {
  if (key.scopes.includes(scope) || key.scopes.includes('admin')) return null
  return refuse('FORBIDDEN', `This API key lacks the scope ${scope}`, { required_scope: scope })
}

/** The refusal of a robot with a key for new robots. It fits into a close reason, which has at most 123 bytes. */
const KEY_FOR_NEW_ROBOT =
  'This API key is for a new robot: make one for this robot with POST /api/v1/keys and its robot_id'

/**
 * The reason why a robot may not register under this id with this key; null if it may. A key without a robot is for a
 * new robot only. A robot that has connected before, with any key or without, or for which a key was ever made, has
 * jobs to lose: someone who got a key for another robot must not get them. A revoked key counts, as it was revoked for
 * a reason.
 */
export function registrationRefusal(state: State, key: KeyRow, robot: RobotId): Refusal | null {
  if (key.robot_id === robot) return null
  if (key.robot_id !== null) return refuse('FORBIDDEN', `This API key belongs to the robot ${key.robot_id}`)
  return isForAnyRobot(key) || isNewRobot(state, robot) ? null : refuse('FORBIDDEN', KEY_FOR_NEW_ROBOT)
}

const ROBOT_HAS_KEY = 'This robot has an API key of its own: connect with it, or revoke it'

/**
 * Refuses a registration without a key, in a fleet that asks for none, as a robot that has a valid key of its own: otherwise
 * anybody could take its place and its jobs. Null when it may register.
 */
export function keylessRefusal(state: State, robot: RobotId): Refusal | null {
  const isTaken = hasKey(state, robot, (key) => key.revoked_at === null)
  return isTaken ? refuse('AUTHENTICATION_FAILED', ROBOT_HAS_KEY) : null
}

/** True for a key that stays without a robot, and can register as any. */
export function isForAnyRobot(key: KeyRow): boolean {
  return key.robot_id === null && key.scopes.includes('admin')
}

function isNewRobot(state: State, robot: RobotId): boolean {
  if ((state.robots.get(robot)?.last_seen ?? null) !== null) return false
  return !hasKey(state, robot, () => true)
}

/** True if one of the robot's keys counts. Few registrations need the walk: most come with a key of the robot. */
function hasKey(state: State, robot: RobotId, counts: (key: KeyRow) => boolean): boolean {
  for (const key of state.keys.values()) if (key.robot_id === robot && counts(key)) return true
  return false
}

/** True if a connection made with this key (null: without one, with open authentication) would still be accepted. */
export function isStillAllowed(state: State, id: KeyId | null, robot: RobotId): boolean {
  if (id === null) return state.settings.robotsAuth === 'open'
  const key = state.keys.get(id)
  return key !== undefined && key.revoked_at === null && (key.robot_id === robot || isForAnyRobot(key))
}
