import type { KeyId, RobotId, SecretHash } from '../base/ids.ts'
import { type Refusal, refuse } from '../base/refusal.ts'
import type { KeyRow, Scope } from '../records/key.ts'
import type { State } from '../state.ts'

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
  return missingScope(key, scope) ?? key
}

/** Why a key may not do what the scope names; null when it may. */
export function missingScope(key: KeyRow, scope: Scope): Refusal | null {
  if (key.scopes.includes(scope) || key.scopes.includes('admin')) return null
  return refuse('FORBIDDEN', `This API key lacks the scope ${scope}`, { required_scope: scope })
}

/** What a robot with a key that is for new ones is told: it fits into the reason of a close, which has 123 bytes. */
const KEY_FOR_NEW_ROBOT =
  'This API key is for a new robot: make one for this robot with POST /api/v1/keys and its robot_id'

/**
 * Why a robot may not register under this id with this key; null when it may. A key that belongs to no robot yet is for a
 * robot that is new. One that has connected before, with any key or without, or for which a key was ever made, has jobs to
 * lose: whoever got a key for some robot must not get them. A revoked key counts, as it was revoked for a reason.
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
  for (const key of state.keys.values()) {
    if (key.robot_id === robot && key.revoked_at === null) return refuse('AUTHENTICATION_FAILED', ROBOT_HAS_KEY)
  }
  return null
}

/** Whether a key may stay without a robot, and be any of them. */
export function isForAnyRobot(key: KeyRow): boolean {
  return key.robot_id === null && key.scopes.includes('admin')
}

function isNewRobot(state: State, robot: RobotId): boolean {
  if ((state.robots.get(robot)?.last_seen ?? null) !== null) return false
  for (const key of state.keys.values()) if (key.robot_id === robot) return false
  return true
}

/** Whether a connection that was let in with this key (null: without one, in an open lab) would still be let in. */
export function isStillAllowed(state: State, id: KeyId | null, robot: RobotId): boolean {
  if (id === null) return state.settings.robotsAuth === 'open'
  const key = state.keys.get(id)
  return key !== undefined && key.revoked_at === null && (key.robot_id === robot || isForAnyRobot(key))
}
