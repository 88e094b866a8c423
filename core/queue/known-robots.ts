import type { RobotId } from '../base/ids.ts'
import { isWaiting } from '../records/job.ts'
import { abilitiesOf, offersTheSame, regroup } from './matching.ts'
import type { State } from '../state.ts'
import type { RobotRow } from '../records/robot.ts'
import type { Abilities } from '../indexes.ts'

/** Updates the abilities of known robots after a row has changed from `before` to `robot`. */
export function indexKnownRobot(state: State, before: RobotRow | undefined, robot: RobotRow): void {
  if (offersTheSame(robot, before)) return
  const { abilityGroups, abilityGroupOf } = state.matching
  const abilities = abilitiesOf(robot)
  const former = abilityGroupOf.get(robot.id)
  if (former?.abilities.key === abilities.key) return
  let same = abilityGroups.get(abilities.key)
  if (same === undefined) {
    same = { abilities, robots: new Set() }
    abilityGroups.set(abilities.key, same)
    countNamed(state, abilities.repertoire?.workflows ?? [], 1)
  }
  same.robots.add(robot.id)
  abilityGroupOf.set(robot.id, same)
  former?.robots.delete(robot.id)
  if (former?.robots.size === 0) {
    abilityGroups.delete(former.abilities.key)
    countNamed(state, former.abilities.repertoire?.workflows ?? [], -1)
  }
}

/** The abilities of a robot on record; undefined if it is not on record. */
export function knownAbilities(state: State, robot: RobotId): Abilities | undefined {
  return state.matching.abilityGroupOf.get(robot)?.abilities
}

/**
 * Counts the robots that name these workflows. Jobs of a workflow that is named for the first or the last time change
 * classes.
 */
function countNamed(state: State, workflows: Iterable<string>, by: 1 | -1): void {
  const { namedWorkflows } = state.matching
  const counts = new Map([...workflows].map((id) => [id, (namedWorkflows.get(id) ?? 0) + by]))
  const changed = new Set([...counts].flatMap(([id, count]) => count === (by === 1 ? 1 : 0) ? [id] : []))
  const jobs = changed.size === 0
    ? []
    : [...state.jobs.values()].filter((job) => isWaiting(job) && changed.has(job.workflow_id))
  regroup(state, jobs, () => {
    for (const [id, count] of counts) {
      if (count === 0) namedWorkflows.delete(id)
      else namedWorkflows.set(id, count)
    }
  })
}
