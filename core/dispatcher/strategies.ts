import type { State } from '../state.ts'
import type { FreeRobot, RobotGroup } from '../indexes.ts'
import type { JobId, RobotId } from '../base/ids.ts'
import type { Strategy } from '../settings.ts'

type ChooseRobot = (
  state: State,
  groups: readonly RobotGroup[],
  isOpen: (free: FreeRobot) => boolean,
  job: JobId,
) => RobotId | undefined

/** The strategies: each chooses among the free robots that can run a job. DESIGN.md 5.2. */
export const STRATEGIES: { readonly [S in Strategy]: ChooseRobot } = {
  least_loaded: firstOf,
  round_robin: firstOf,
  random(state, groups, isOpen, job) {
    let at = Math.floor(state.random() * groups.reduce((sum, group) => sum + group.free.size, 0))
    for (const group of groups) {
      const free = group.free.values()[at]
      if (free !== undefined) return isOpen(free) ? free.robot : firstOf(state, groups, isOpen, job)
      at -= group.free.size
    }
    return undefined
  },
  /** The robot that has completed this workflow most often; one that never has comes last. */
  affinity(state, groups, isOpen, job) {
    const workflow = state.jobs.get(job)?.workflow_id
    const successes = workflow === undefined ? undefined : state.affinities.get(workflow)
    let leader: { free: FreeRobot; count: number } | undefined
    for (const [robot, count] of successes ?? []) {
      const group = state.matching.groupOf.get(robot)
      const free = group === undefined || !groups.includes(group) ? undefined : group.free.get(robot)
      if (free === undefined || !isOpen(free) || (leader !== undefined && count < leader.count)) continue
      if (leader === undefined || count > leader.count || state.matching.before(free, leader.free)) {
        leader = { free, count }
      }
    }
    return leader?.free.robot ?? firstOf(state, groups, isOpen, job)
  },
  /** The robot with the fewest abilities, so that robots with more stay free for jobs that need them. */
  capability_match(state, groups, isOpen, job) {
    const abilities = (group: RobotGroup): number => group.tags.size + group.capabilities.size
    for (const count of [...new Set(groups.map(abilities))].toSorted((a, b) => a - b)) {
      const robot = firstOf(state, groups.filter((group) => abilities(group) === count), isOpen, job)
      if (robot !== undefined) return robot
    }
    return undefined
  },
}

/** The first of all, in the order in which each group keeps its free robots. */
function firstOf(
  state: State,
  groups: readonly RobotGroup[],
  isOpen: (free: FreeRobot) => boolean,
  _job: JobId,
): RobotId | undefined {
  let leader: FreeRobot | undefined
  for (const group of groups) {
    const free = group.free.first(isOpen)
    if (free !== undefined && (leader === undefined || state.matching.before(free, leader))) leader = free
  }
  return leader?.robot
}
