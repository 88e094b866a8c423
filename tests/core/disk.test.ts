import { describe, expect, test } from 'vitest'
import type { JsonText } from '../../core/base/ids.ts'
import { LOG_BYTES_MAX } from '../../core/settings.ts'
import { beat, type Bench, bench, complete, ids, job, join, say, submit } from './bench.ts'

/** P76: how much of what one robot says is written down, in a minute and in one log. */

const MINUTE = 60_000
const MIB = 1 << 20

/** A robot at work on these jobs, without a limit on its messages. */
function atWork(jobs: readonly string[], parameters = '{}', settings: Parameters<typeof bench>[0] = {}): Bench {
  const fleet = bench({ robotDiskBytesPerMinute: 8 * MIB, ...settings })
  fleet.turn(
    ...join('r1', { slots: jobs.length }),
    say('r1', 'status_response', { status: 'online', active_job_ids: [] }),
  )
  fleet.turn(...jobs.map((id) => submit(id, { parameters: parameters as JsonText })))
  fleet.turn(...jobs.map((id) => say('r1', 'job_accept', { job_id: id })))
  return fleet
}

const linesOf = (count: number, message: string) => Array.from({ length: count }, () => ({ message }))
const LINE = 'x'.repeat(10_000)
/** A hundred lines of ten thousand characters. */
const megabyte = (id: string) => say('r1', 'log_batch', { job_id: id, entries: linesOf(100, LINE) })
const lines = (fleet: Bench, id: string) => fleet.disk.logs.filter(({ job_id }) => job_id === id)
const written = (fleet: Bench, id: string) => lines(fleet, id).reduce((sum, { message }) => sum + message.length, 0)

describe('[P76] lines of logs', () => {
  test('of one job half of what a robot may have written in a minute, and one line says how many are missing', () => {
    const fleet = atWork(['j1', 'j2'])
    for (let i = 0; i < 20; i++) fleet.turn(megabyte('j1'))
    const kept = lines(fleet, 'j1').length
    expect(written(fleet, 'j1')).toBeGreaterThan(3.9 * MIB)
    expect(written(fleet, 'j1')).toBeLessThan(4 * MIB)
    // It has room left for its other job.
    fleet.turn(megabyte('j2'))
    expect(lines(fleet, 'j2')).toHaveLength(100)
    fleet.turn(complete('r1', 'j1'))
    expect(lines(fleet, 'j1')).toHaveLength(kept + 1)
    expect(lines(fleet, 'j1').at(-1)?.message).toBe(`${2_000 - kept} lines dropped by the rate limit`)
  })

  test('of all jobs together no more than there is for the robot', () => {
    const names = ['j1', 'j2', 'j3', 'j4']
    const fleet = atWork(names)
    for (let i = 0; i < 10; i++) fleet.turn(...names.map(megabyte))
    const all = names.reduce((sum, name) => sum + written(fleet, name), 0)
    expect(all).toBeGreaterThan(7.8 * MIB)
    expect(all).toBeLessThan(8 * MIB)
  })

  test('what was used up runs out by the minute, also when the clock is set', () => {
    const fleet = atWork(['j1'])
    for (let i = 0; i < 5; i++) fleet.turn(megabyte('j1'))
    const first = written(fleet, 'j1')
    for (const by of [-86_400_000, 86_400_000]) {
      fleet.now += by
      fleet.turn({ type: 'clock.set', by })
      fleet.turn(beat('r1', ['j1']), megabyte('j1'))
      expect(written(fleet, 'j1')).toBe(first)
    }
    fleet.now += MINUTE / 2
    for (let i = 0; i < 5; i++) fleet.turn(megabyte('j1'))
    expect(written(fleet, 'j1') - first).toBeGreaterThan(1.9 * MIB)
    expect(written(fleet, 'j1') - first).toBeLessThan(2.1 * MIB)
  })

  test('empty lines count too, by the rows that they are', () => {
    const fleet = atWork(['j1'])
    const empty = { job_id: 'j1', entries: linesOf(1_000, '') }
    for (let i = 0; i < 30; i++) fleet.turn(say('r1', 'log_batch', empty))
    expect(lines(fleet, 'j1').length).toBeLessThan(22_000)
  })

  test('lines that come after the end of a job count for its robot', () => {
    const fleet = atWork(['j1'])
    fleet.turn(complete('r1', 'j1'))
    for (let i = 0; i < 20; i++) fleet.turn(megabyte('j1'))
    expect(written(fleet, 'j1')).toBeLessThan(8 * MIB)
    const kept = lines(fleet, 'j1').length
    fleet.pass(MINUTE)
    expect(lines(fleet, 'j1').at(-1)?.message).toBe(`${2_000 - kept} lines dropped by the rate limit`)
  })

  test('a log ends at 64 MiB, and says how many lines were left out', () => {
    const fleet = atWork(['j1'], '{}', { robotDiskBytesPerMinute: 0 })
    for (let i = 0; i < 70; i++) fleet.turn(megabyte('j1'))
    expect(written(fleet, 'j1')).toBeLessThan(LOG_BYTES_MAX)
    const kept = lines(fleet, 'j1').length
    fleet.turn(complete('r1', 'j1'))
    expect(lines(fleet, 'j1').at(-1)?.message).toBe(`${7_000 - kept} lines were left out: this log is full`)
  })
})

describe('[P76] progress', () => {
  test('is written with the whole row of its job: what there is no room for waits, and the last word comes', () => {
    const fleet = atWork(['j1'], JSON.stringify({ text: 'x'.repeat(500_000) }))
    let writes = 0
    for (let i = 1; i <= 90; i++) {
      const before = fleet.disk.rows.jobs.get(ids.job('j1'))
      fleet.turn(say('r1', 'job_progress', { job_id: 'j1', progress: i }))
      fleet.turn(beat('r1', ['j1']))
      if (fleet.disk.rows.jobs.get(ids.job('j1')) !== before) writes++
    }
    expect(writes).toBe(16)
    fleet.now += MINUTE
    fleet.turn(beat('r1', ['j1']))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'running', progress: 90 })
  })

  test('does not keep a job from its end', () => {
    const fleet = atWork(['j1'], JSON.stringify({ text: 'x'.repeat(500_000) }))
    for (let i = 1; i <= 20; i++) fleet.turn(say('r1', 'job_progress', { job_id: 'j1', progress: i }))
    fleet.turn(complete('r1', 'j1', { done: true }), beat('r1', []))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'completed', progress: 100 })
  })
})

test('[P76] registrations count sixteen times: the row of a robot is written with each', () => {
  const fleet = bench({ robotBytesPerSecond: 8 * MIB })
  const large = (i: number) => ({ capabilities: { text: `${i}${'x'.repeat(60_000)}` } })
  let writes = 0
  for (let i = 0; i < 1_000; i++) {
    const before = fleet.disk.rows.robots.get(ids.robot('r1'))?.capabilities
    fleet.turn(...join('r1', { ...large(i), socket: `s${i}` }))
    if (fleet.disk.rows.robots.get(ids.robot('r1'))?.capabilities !== before) writes++
  }
  expect(writes).toBeLessThan(150)
})
