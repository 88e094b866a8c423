import { describe, expect, test } from 'vitest'
import type { RobotMessage } from '../../core/protocol/message.ts'
import { MESSAGES } from '../../core/protocol/message.ts'
import { beat, type Bench, bench, closed, complete, ids, job, join, messages, running, say, submit } from './bench.ts'

/** Messages of robots about jobs that they never had leave no trace. */

/** The histories and logs as they are, and the row of the job. */
const kept = (fleet: Bench, id = 'j1') => JSON.stringify([fleet.disk.history, fleet.disk.logs, job(fleet, id)])

/** r1 has j1; r2 is there too, and has never had it. */
function two(): Bench {
  const fleet = running()
  fleet.turn(...join('r2'), beat('r2', []))
  return fleet
}

const ENDS: readonly (readonly [string, (fleet: Bench) => void])[] = [
  ['while it runs', () => {}],
  ['when it has been completed', (fleet) => void fleet.turn(complete('r1', 'j1'))],
  ['when it has failed', (fleet) => void fleet.turn(say('r1', 'job_failed', { job_id: 'j1', error_message: 'x' }))],
  ['when its outcome is unknown', (fleet) => {
    fleet.turn(closed('socket-r1'))
    for (let i = 0; i < 3; i++) {
      fleet.turn(beat('r2', []))
      fleet.pass(60_000)
    }
  }],
]

const TYPES = Object.entries(MESSAGES).filter(([, { from }]) => from !== 'orchestrator')
  .map(([type]) => type as RobotMessage['type']).filter((type) => type !== 'register')

describe('[P75] a robot that never had a job writes nothing about it', () => {
  const planted = {
    progress: 99,
    message: 'planted',
    result: 'planted',
    entries: [{ message: 'planted' }],
    reason: 'x',
  }
  const more = { active_job_ids: ['j1'], error_message: 'planted', level: 'INFO' }
  for (const [when, end] of ENDS) {
    test.each(TYPES)(`${when}: %s`, (type) => {
      const fleet = two()
      end(fleet)
      const before = kept(fleet)
      for (const offer of [undefined, 1, 2]) {
        fleet.turn(say('r2', type, { job_id: 'j1', ...planted, ...more, offer }))
        if (type === 'disconnect') fleet.turn(...join('r2'))
      }
      fleet.turn(...join('r2', { socket: 's9', memory: { id: 'm', start: 1, offers: [{ job_id: 'j1', offer: 1 }] } }))
      expect(kept(fleet)).toBe(before)
    })
  }

  test('is told so when it sends a result', () => {
    const fleet = two()
    expect(messages(fleet.turn(complete('r2', 'j1')), 'error')).toMatchObject([{
      payload: { error_code: 'NOT_FOUND' },
    }])
  })

  test('also in the turn in which it registers', () => {
    const fleet = running()
    const before = kept(fleet)
    fleet.turn(...join('r2'), complete('r2', 'j1'))
    expect(kept(fleet)).toBe(before)
  })
})

describe('[P75] a robot that had a job once, and lost it to another', () => {
  /** r1 was lost with j1, which has been offered to r2. */
  function lost(): Bench {
    const fleet = running('always')
    fleet.turn(closed('socket-r1'), ...join('r2'))
    for (let i = 0; i < 2; i++) {
      fleet.turn(beat('r2'))
      fleet.pass(61_000)
    }
    expect(job(fleet, 'j1').robot_id).toBe('r2')
    return fleet
  }
  const late = (fleet: Bench) =>
    fleet.disk.history.filter(({ event }) => event === 'late_result').map(({ robot_id }) => robot_id)
  const result = (socket: string) => say('r1', 'job_complete', { job_id: 'j1', result: { from: 'r1' } }, socket)

  test('says what became of it, also in the turn in which it returns', () => {
    const fleet = lost()
    fleet.turn(...join('r1', { socket: 's2' }), result('s2'))
    expect(late(fleet)).toEqual(['r1'])
  })

  test('and also when the job has ended long ago and everything was restarted', () => {
    const fleet = lost()
    fleet.turn(say('r2', 'job_accept', { job_id: 'j1' }), complete('r2', 'j1'))
    const again = bench({}, fleet.hot(), [], fleet.now)
    again.disk.history.push(...fleet.disk.history)
    again.disk.rows.jobs.set(ids.job('j1'), job(fleet, 'j1'))
    again.turn(...join('r1', { socket: 's2' }), result('s2'))
    expect(late(again)).toEqual(['r1'])
  })

  test('once, however often it reconnects and says it', () => {
    const fleet = lost()
    for (let i = 0; i < 5; i++) fleet.turn(...join('r1', { socket: `t${i}` }), result(`t${i}`), result(`t${i}`))
    expect(late(fleet)).toEqual(['r1'])
  })
})

test('a job of another robot that has not been offered to anybody is foreign too', () => {
  const fleet = bench()
  fleet.turn(submit('j1'), ...join('r1', { slots: 0 }))
  const before = kept(fleet)
  fleet.turn(complete('r1', 'j1'), say('r1', 'job_failed', { job_id: 'j1' }))
  expect(kept(fleet)).toBe(before)
})
