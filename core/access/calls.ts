import type { RobotId, SecretHash } from '../base/ids.ts'
import { isRefusal, type Refusal } from '../base/refusal.ts'
import type { JobRow } from '../records/job.ts'
import type { KeyRow } from '../records/key.ts'
import type { State } from '../state.ts'
import { authorize } from './authorize.ts'

/** A caller of workflows, or of the results of calls. */
export interface CallAccess {
  readonly key: KeyRow
  /** The robot for whose jobs alone the key may be used; null for a key that has the scope. */
  readonly robot: RobotId | null
}

/**
 * Admits a key with the scope, and the key of a robot, which may call for the jobs that the robot runs, and see what they
 * called. Whether a job is one of these is checked with the job.
 */
export function authorizeCall(
  state: State,
  credential: SecretHash | null,
  scope: 'jobs:submit' | 'jobs:read',
): CallAccess | Refusal {
  const key = authorize(state, credential, scope)
  if (!isRefusal(key)) return { key, robot: null }
  const own = key.refused === 'FORBIDDEN' ? authorize(state, credential, 'robots:connect') : key
  return isRefusal(own) || own.robot_id === null ? key : { key: own, robot: own.robot_id }
}

/** True if the caller may see a called job. `parent`: the job that called it, if a job did. */
export function maySeeCall({ robot }: CallAccess, parent: JobRow | undefined): boolean {
  return robot === null || parent?.robot_id === robot
}
