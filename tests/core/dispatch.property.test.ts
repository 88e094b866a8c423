import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isWaiting, type JobRow } from '../../core/records/job.ts'
import { load } from '../../core/load.ts'
import { effectivePriority } from '../../core/queue/queue.ts'
import type { State } from '../../core/state.ts'
import { type Bench, bench, ids, START } from './bench.ts'
import { perform, stories } from './stories.ts'
import type { RobotRow } from '../../core/records/robot.ts'
import { foreignSlots } from '../../core/queue/matching.ts'

describe('against the obvious', () => {
  test('after every event no waiting job has a free robot that may run it, and what was offered was the best', () => {
    fc.assert(
      fc.property(stories, (list) => {
        const fleet = bench()
        let n = 0
        for (const event of list) {
          const before = new Map(fleet.state.jobs)
          perform(fleet, event, () => `j${++n}`)
          noneLeftBehind(fleet.state)
          urgentFirst(fleet.state, before, fleet.now)
          sameAfterRestart(fleet)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  function mayRun(state: State, row: JobRow, id: string): boolean {
    const robot = state.robots.get(ids.robot(id))
    const session = state.sessions.get(ids.robot(id))
    if (robot === undefined || session === undefined || session.paused || session.coolingDown) return false
    if ([...session.offers.values()].some((asked) => asked !== null)) return false
    const used = (state.held.get(robot.id)?.size ?? 0) + foreignSlots(session)
    return used < robot.max_concurrent_jobs && !session.excluded.has(row.id) &&
      (session.reported !== null || row.offer === 0) &&
      (row.pinned_robot_id === null || row.pinned_robot_id === robot.id) &&
      (row.environment === '' || robot.environment === 'default' || robot.environment === row.environment) &&
      row.required_tags.every((tag) => robot.tags.includes(tag)) && runs(robot, row)
  }

  /**
   * True if a robot's declaration covers a job, parsed anew each time: by workflow, by format, and for node graphs by
   * type.
   */
  function runs({ capabilities }: RobotRow, row: JobRow): boolean {
    const listed = (name: string): string[] | null =>
      Array.isArray(capabilities[name]) ? capabilities[name] as string[] : null
    const [workflows, formats, types] = [listed('workflows'), listed('formats'), listed('node_types')]
    if (workflows === null && formats === null && types === null) return true
    if (workflows?.includes(row.workflow_id) === true) return true
    if (row.definition === 'own') return formats?.includes('own') === true
    const asked = { a: ['A'], ab: ['A', 'B'] }[row.definition as string] ?? []
    const known = types?.map((type) => type.toUpperCase().slice(0, 1))
    return known === undefined ? formats?.includes('workflow') === true : asked.every((type) => known.includes(type))
  }

  function noneLeftBehind(state: State): void {
    for (const row of state.jobs.values()) {
      if (!isWaiting(row)) continue
      for (const id of state.robots.keys()) expect(mayRun(state, row, id), `${row.id} could go to ${id}`).toBe(false)
    }
  }

  /** I20: nobody who waited before, and could have had the robot, is more urgent than who got it. */
  function urgentFirst(state: State, before: ReadonlyMap<string, JobRow>, now: number): void {
    for (const row of state.jobs.values()) {
      const was = before.get(row.id)
      if (row.offer_until === null || row.offer === (was?.offer ?? 0) || row.robot_id === null) continue
      const robot = state.robots.get(row.robot_id)
      const session = state.sessions.get(row.robot_id)
      for (const other of state.jobs.values()) {
        if (!isWaiting(other) || robot === undefined || session?.excluded.has(other.id) === true) continue
        if (session?.reported === null && other.offer > 0) continue
        const fits = (other.pinned_robot_id === null || other.pinned_robot_id === robot.id) &&
          (other.environment === '' || robot.environment === 'default' || robot.environment === other.environment) &&
          other.required_tags.every((tag) => robot.tags.includes(tag)) && runs(robot, other)
        const urgency = (of: JobRow) =>
          effectivePriority({ ...of, queuedAt: of.queued_at ?? 0 }, now, state.settings.agingMs)
        if (fits) expect(urgency(other), `${other.id} before ${row.id}`).toBeLessThanOrEqual(urgency(row))
      }
    }
  }

  /** Memory is a cache of the store: what a restart would make of the rows is what is in memory. */
  function sameAfterRestart(fleet: Bench): void {
    const again = load(fleet.hot(), START, 1, fleet.state.settings)
    const derived = (state: State) => ({
      jobs: [...state.jobs.values()].toSorted((a, b) => a.seq - b.seq),
      held: [...state.held].map(([robot, jobs]) => [robot, [...jobs].toSorted()]).toSorted(),
      definitions: [...state.definitions].toSorted(([a], [b]) => a < b ? -1 : 1),
      waiting: [...state.matching.classes.values()].flatMap((jobs) =>
        jobs.byPriority.flatMap((heap) => heap.values().map(({ id }) => id))
      ).toSorted(),
      robots: [...state.robots.values()].toSorted((a, b) => a.id < b.id ? -1 : 1),
      named: [...state.matching.namedWorkflows].toSorted(),
      known: [...state.matching.abilityGroups].map(([key, { robots }]) => [key, [...robots].toSorted()]).toSorted(),
      classes: [...state.matching.classes.keys()].toSorted(),
    })
    expect(derived(again)).toEqual(derived(fleet.state))
  }
})
