import { describe, expect, test } from 'vitest'
import type { Strategy } from '../../core/settings.ts'
import { bench, complete, ids, job, join, submit } from './bench.ts'

/** Gives eight jobs, one after the other, to robots that finish at once; who got them. */
function spread(strategy: Strategy, robots: Readonly<Record<string, object>>, wants: object = {}): readonly string[] {
  const fleet = bench({ strategy })
  for (const [id, traits] of Object.entries(robots)) fleet.turn(...join(id, traits))
  return Array.from({ length: 8 }, (_, i) => {
    const id = `j${i}`
    fleet.turn(submit(id, wants))
    const robot = job(fleet, id).robot_id ?? 'nobody'
    fleet.now += 10
    fleet.turn(complete(robot, id))
    return robot
  })
}

const three = { a: {}, b: {}, c: {} }

describe('strategies', () => {
  test('least_loaded: among idle robots the one that has been idle longest', () => {
    expect(spread('least_loaded', three).join('')).toBe('abcabcab')
  })

  test('round_robin: in turn, whatever their load', () => {
    expect(spread('round_robin', { a: { slots: 9 }, b: {}, c: { slots: 2 } }).join('')).toBe('abcabcab')
  })

  test('random: from the seed, and everybody gets some', () => {
    const robots = spread('random', three)
    expect(spread('random', three)).toEqual(robots)
    expect(new Set(robots).size).toBe(3)
  })

  test('capability_match: those who can do less first, so that the others stay free', () => {
    const robots = { able: { tags: ['sap', 'x', 'y'] }, plain: { tags: ['sap'] }, unfit: {} }
    expect(new Set(spread('capability_match', robots, { required_tags: ['sap'] }))).toEqual(new Set(['plain']))
  })

  test('affinity: whoever has completed this workflow most often, by what is on disk', () => {
    const fleet = bench({ strategy: 'affinity' })
    fleet.turn(...join('a'), ...join('b'))
    for (const id of ['j1', 'j2', 'j3']) {
      fleet.turn(submit(id, { robot: ids.robot('b') }))
      fleet.turn(complete('b', id))
    }
    fleet.turn(submit('j4'))
    expect(job(fleet, 'j4').robot_id).toBe('b')
    fleet.turn(submit('j5'))
    expect(job(fleet, 'j5').robot_id).toBe('a')
    const restarted = bench({ strategy: 'affinity' }, { ...fleet.hot(), jobs: [] })
    restarted.turn(...join('a', { socket: 'x' }), ...join('b', { socket: 'y' }), submit('j6'))
    expect(job(restarted, 'j6').robot_id).toBe('b')
  })
})
