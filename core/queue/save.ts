import type { State } from '../state.ts'
import type { RobotRow } from '../records/robot.ts'
import type { Turn } from '../turn.ts'
import { indexKnownRobot } from './known-robots.ts'
import { indexRobot } from './matching.ts'
import type { AffinityRow, PoolRow } from '../records/pool.ts'

/** Changes a robot. The only function that does. */
export function saveRobot(state: State, robot: RobotRow, turn: Turn): void {
  const before = state.robots.get(robot.id)
  state.robots.set(robot.id, robot)
  indexKnownRobot(state, before, robot)
  indexRobot(state, robot.id)
  turn.out.rows.robots.set(robot.id, robot)
}

/** Changes a pool. The only function that does. */
export function savePool(state: State, pool: PoolRow, turn: Turn): void {
  state.pools.set(pool.name, pool)
  turn.out.rows.pools.set(pool.name, pool)
}

/** Changes an affinity. The only function that does. */
export function saveAffinity(state: State, affinity: AffinityRow, turn: Turn): void {
  indexAffinity(state, affinity)
  turn.out.rows.affinities.set(`${affinity.workflow_id} ${affinity.robot_id}`, affinity)
}

/** Sets, in memory, how often a robot has completed a workflow. */
export function indexAffinity(state: State, { workflow_id, robot_id, successes }: AffinityRow): void {
  const robots = state.affinities.get(workflow_id)
  if (robots === undefined) state.affinities.set(workflow_id, new Map([[robot_id, successes]]))
  else robots.set(robot_id, successes)
}
