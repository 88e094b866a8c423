import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import { beat, type Bench, bench, closed, complete, ids, job, join, messages, say, submit, summaryOf } from './bench.ts'
import { atWork, errors, exhaust, LIMIT, line, progress, SECOND } from './message-rates.ts'

/** Disconnections for too many messages: the rules P35 to P38 and P51. */

/** A robot without jobs that may say ten things a minute, and has. */
function idle(): Bench {
  const fleet = bench({ robotMessagesMax: LIMIT, robotMessagesMs: 60 * SECOND })
  fleet.turn(...join('r1', { slots: 3 }))
  for (let count = 1; count < LIMIT; count++) fleet.turn(beat('r1'))
  return fleet
}

describe('telemetry of the jobs that a robot has', () => {
  const endings = (sent: readonly string[]) => sent.filter((text) => / close /.test(text))

  test('[P38] 1,200 lines of one job: its result is kept, and one line says what is missing', () => {
    const fleet = atWork()
    exhaust(fleet)
    const sent = Array.from({ length: 1_200 }, (_, n) => summaryOf(fleet.turn(line(`line ${n}`)))).flat()
    expect(endings(sent)).toEqual([])
    fleet.turn(complete('r1', 'j1', { sum: 7 }))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'completed', result: '{"sum":7}' })
    expect(fleet.disk.logs.map(({ message }) => message)).toEqual(['1200 lines dropped by the rate limit'])
  })

  test('[P38] 918 jobs with a line each, and a heartbeat after each result: all of them end, and nothing is closed', () => {
    const fleet = bench({ robotMessagesMax: 100 })
    fleet.turn(...join('r1'))
    fleet.turn(say('r1', 'status_response', { status: 'online', active_job_ids: [] }))
    const sent: string[] = []
    for (let n = 1; n <= 918; n++) {
      fleet.now += 60
      const id = `n${n}`
      const of = (type: 'job_accept' | 'log_entry', payload: object = {}) => say('r1', type, { job_id: id, ...payload })
      fleet.turn(submit(id))
      sent.push(...summaryOf(fleet.turn(of('job_accept'), of('log_entry', { level: 'INFO', message: 'x' }))))
      sent.push(...summaryOf(fleet.turn(complete('r1', id), beat('r1', []))))
      expect(job(fleet, id).status).toBe('completed')
    }
    expect(endings(sent)).toEqual([])
    expect(sent.filter((text) => text.endsWith('heartbeat_ack'))).toHaveLength(918)
    expect(fleet.state.limiters.robots.get(ids.robot('r1'))?.excess).toBe(0)
  })

  test('[P38] the last lines of a job that has ended are no flood, and are counted in a line of their own', () => {
    const fleet = atWork()
    exhaust(fleet)
    fleet.turn(complete('r1', 'j1'))
    const sent = Array.from({ length: 300 }, (_, n) => summaryOf(fleet.turn(line(`${n}`), progress(99)))).flat()
    expect(endings(sent)).toEqual([])
    expect(fleet.disk.logs).toEqual([])
    fleet.pass(60 * SECOND)
    expect(fleet.disk.logs.map(({ job_id, message }) => [job_id, message])).toEqual([
      ['j1', '300 lines dropped by the rate limit'],
    ])
  })

  test('[P35] of progress beyond the limit the last word is acted upon with the next heartbeat', () => {
    const fleet = atWork()
    exhaust(fleet)
    fleet.turn(progress(40), progress(60))
    expect(job(fleet, 'j1').progress).toBe(LIMIT - 1)
    fleet.turn(beat('r1', ['j1']))
    expect(job(fleet, 'j1').progress).toBe(60)
  })

  test('[P35] progress that has waited says nothing of a later attempt', () => {
    const fleet = bench({ robotMessagesMax: 4, backoffMs: 1_000 })
    fleet.turn(...join('r1'), submit('j1', { max_attempts: 2 }), say('r1', 'job_accept', { job_id: 'j1' }))
    fleet.turn(beat('r1', ['j1']), beat('r1', ['j1']), progress(70))
    fleet.turn(say('r1', 'job_failed', { job_id: 'j1', error_type: 'ConnectionError' }))
    fleet.pass(5_000)
    fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }), beat('r1', ['j1']))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'running', offer: 2, progress: 0 })
  })

  test('[P36] the heartbeat after a result does not count, and the one after that does', () => {
    const fleet = atWork()
    const used = () => fleet.state.limiters.robots.get(ids.robot('r1'))?.window.quota(fleet.now)?.remaining
    const left = used() ?? 0
    fleet.turn(complete('r1', 'j1'), beat('r1', []))
    expect(used()).toBe(left)
    fleet.turn(beat('r1', []))
    expect(used()).toBe(left - 1)
  })

  test('[P37] an answer to a status request does not count, and one that was not asked for does', () => {
    const fleet = bench({ robotMessagesMax: LIMIT })
    fleet.turn(...join('r1'))
    const answer = () => fleet.turn(say('r1', 'status_response', { status: 'online', active_job_ids: [] }))
    const used = () => fleet.state.limiters.robots.get(ids.robot('r1'))?.window.quota(fleet.now)?.remaining
    answer()
    expect(used()).toBe(LIMIT - 1)
    answer()
    expect(used()).toBe(LIMIT - 2)
  })

  test('[P38] nothing that a robot with a job says for its number closes its connection', () => {
    const fleet = atWork()
    exhaust(fleet)
    const sent = Array.from(
      { length: 20 * LIMIT },
      () => summaryOf(fleet.turn(complete('r1', 'of another'), beat('r1'))),
    )
    expect(endings(sent.flat())).toEqual([])
    for (let n = 0; n < 20 * LIMIT; n++) {
      const [ack] = messages(fleet.turn(...join('r1', { slots: 3, socket: `s${n}` })), 'register_ack')
      expect(ack?.payload.success).toBe(true)
    }
  })
})

describe('a flood', () => {
  const flood = (fleet: Bench, count: number): readonly string[] => {
    const sent: string[] = []
    for (let n = 0; n < count; n++) {
      sent.push(...summaryOf(fleet.turn(progress(50))).filter((text) => /close/.test(text)))
    }
    return sent
  }

  test('[P38] more than ten times the limit closes the connection of a robot without jobs, and the log says so', () => {
    const fleet = idle()
    expect(flood(fleet, 9 * LIMIT)).toEqual([])
    expect(flood(fleet, 1)).toEqual(['socket-r1 close 4429'])
    expect(fleet.state.sessions.size).toBe(0)
    expect(fleet.warnings).toMatchObject([{ details: { robot: 'r1', reason: 'More than 100 messages in 60 s' } }])
  })

  test('[P38] connecting anew does not reset anything, and waiting does', () => {
    const fleet = idle()
    flood(fleet, 9 * LIMIT + 1)
    fleet.turn(closed('socket-r1'))
    expect(summaryOf(fleet.turn(...join('r1', { slots: 3 })))).toEqual(['socket-r1 close 4429'])
    fleet.turn(closed('socket-r1'))
    fleet.now += 60 * SECOND
    expect(messages(fleet.turn(...join('r1', { slots: 3 })), 'register_ack')).toHaveLength(1)
    expect(fleet.warnings, 'said once, however often it comes').toHaveLength(1)
  })

  test('[P38] what a robot has to say of its jobs is no flood, however much it is', () => {
    const fleet = bench({ robotMessagesMax: LIMIT })
    fleet.turn(...join('r1', { slots: 50 }))
    fleet.turn(say('r1', 'status_response', { status: 'online', active_job_ids: [] }))
    for (let n = 0; n < 20 * LIMIT; n++) {
      fleet.turn(submit(`n${n}`))
      fleet.turn(say('r1', 'job_accept', { job_id: `n${n}` }), complete('r1', `n${n}`))
      expect(job(fleet, `n${n}`).status).toBe('completed')
    }
    // Not sure whether they arrived, it sends them all again.
    for (let n = 0; n < 20 * LIMIT; n++) expect(summaryOf(fleet.turn(complete('r1', `n${n}`)))).toEqual([])
  })

  test('[P38] words about jobs that are not its own are a flood like any other', () => {
    const fleet = idle()
    const sent = Array.from({ length: 10 * LIMIT }, () => summaryOf(fleet.turn(complete('r1', 'of another')))).flat()
    expect(sent.filter((text) => text.endsWith('close 4429'))).toHaveLength(1)
  })

  test('a flood of one robot takes nothing from another', () => {
    const fleet = idle()
    fleet.turn(...join('r2'))
    flood(fleet, 8 * LIMIT)
    fleet.turn(submit('j2', { robot: ids.robot('r2') }))
    fleet.turn(say('r2', 'status_response', { status: 'online', active_job_ids: [] }))
    fleet.turn(say('r2', 'job_accept', { job_id: 'j2' }))
    expect(errors(fleet.turn(say('r2', 'job_progress', { job_id: 'j2', progress: 5 })))).toEqual([])
    expect(job(fleet, 'j2').progress).toBe(5)
  })
})

describe('bytes', () => {
  const PER_SECOND = 1_000

  /** A robot at work that may send 16,000 bytes at once, and has sent nothing for long. */
  function quiet(): Bench {
    const fleet = bench({ robotBytesPerSecond: PER_SECOND, robotMessagesMax: 0 })
    fleet.turn(...join('r1'), submit('j1'), say('r1', 'job_accept', { job_id: 'j1' }))
    fleet.now += 60 * SECOND
    return fleet
  }

  const frame = (bytes: number): Event => ({ ...beat('r1', ['j1']), bytes } as Event)
  const says = (fleet: Bench, bytes: number) => summaryOf(fleet.turn(frame(bytes)))

  test('[P51] sixteen seconds of the budget may come at once, and one byte more closes the connection', () => {
    const fleet = quiet()
    expect(says(fleet, 16 * PER_SECOND)).toEqual(['socket-r1 heartbeat_ack'])
    expect(says(fleet, 1)).toEqual(['socket-r1 close 4429'])
    expect(fleet.warnings).toMatchObject([{ details: { robot: 'r1' } }])
    const again = quiet()
    says(again, 16 * PER_SECOND)
    again.now += 5
    expect(says(again, 5), 'in five milliseconds five bytes run out').toEqual(['socket-r1 heartbeat_ack'])
    expect(says(again, 1)).toEqual(['socket-r1 close 4429'])
  })

  test('[P51] the budget is for good', () => {
    const fleet = quiet()
    for (let second = 0; second < 600; second++) {
      fleet.now += SECOND
      expect(says(fleet, PER_SECOND)).toEqual(['socket-r1 heartbeat_ack'])
    }
  })

  test('[P51] connecting anew does not help before half of it has run out', () => {
    const fleet = quiet()
    says(fleet, 17 * PER_SECOND)
    fleet.now += 8 * SECOND - 1
    expect(summaryOf(fleet.turn(closed('socket-r1'), ...join('r1')))).toEqual(['socket-r1 close 4429'])
    fleet.now += 1
    expect(messages(fleet.turn(closed('socket-r1'), ...join('r1')), 'register_ack')).toHaveLength(1)
  })
})
