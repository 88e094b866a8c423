import type { RobotId } from './ids.ts'
import { isWaiting } from './job.ts'
import { type Abilities, kindOfRow, offersTheSame, regroup } from './roster.ts'
import type { RobotRow, State } from './state.ts'

/** Keeps in step what the robots on record can do, after a row that was `before` has become `robot`. */
export function placeKnown(state: State, before: RobotRow | undefined, robot: RobotRow): void {
  if (offersTheSame(robot, before)) return
  const { known, knownBy } = state.roster
  const abilities = kindOfRow(robot)
  const former = knownBy.get(robot.id)
  if (former?.abilities.key === abilities.key) return
  let same = known.get(abilities.key)
  if (same === undefined) {
    same = { abilities, robots: new Set() }
    known.set(abilities.key, same)
    name(state, abilities.repertoire?.workflows ?? [], 1)
  }
  same.robots.add(robot.id)
  knownBy.set(robot.id, same)
  former?.robots.delete(robot.id)
  if (former?.robots.size === 0) {
    known.delete(former.abilities.key)
    name(state, former.abilities.repertoire?.workflows ?? [], -1)
  }
}

/** What a robot on record can do; undefined for one that is not. */
export function abilitiesOf(state: State, robot: RobotId): Abilities | undefined {
  return state.roster.knownBy.get(robot)?.abilities
}

/** Counts who names these workflows. The jobs of one that is named for the first time, or no more, change classes. */
function name(state: State, workflows: Iterable<string>, by: 1 | -1): void {
  const { named } = state.roster
  const counts = new Map([...workflows].map((id) => [id, (named.get(id) ?? 0) + by]))
  const changed = new Set([...counts].flatMap(([id, count]) => count === (by === 1 ? 1 : 0) ? [id] : []))
  const jobs = changed.size === 0
    ? []
    : [...state.jobs.values()].filter((job) => isWaiting(job) && changed.has(job.workflow_id))
  regroup(state, jobs, () => {
    for (const [id, count] of counts) {
      if (count === 0) named.delete(id)
      else named.set(id, count)
    }
  })
}
