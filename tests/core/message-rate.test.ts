import { describe, expect, test } from 'vitest'
import { snapshotOf } from '../../core/robots/snapshot.ts'
import type { Event } from '../../core/events/index.ts'
import { DEFAULTS } from '../../core/settings.ts'
import { refuse } from '../../core/base/refusal.ts'
import { beat, bench, complete, ids, job, join, messages, say, submit, summaryOf } from './bench.ts'
import { atWork, batch, errors, exhaust, LIMIT, line, progress, SECOND } from './message-rates.ts'

/** The rate limit of robots' messages: the rules P34 to P38. */

describe('messages of a robot', () => {
  test('[P34] a robot is told at its registration what it may say, and how to keep to it', () => {
    const fleet = bench({ robotMessagesMax: DEFAULTS.robotMessagesMax, robotMessagesMs: DEFAULTS.robotMessagesMs })
    const [ack] = messages(fleet.turn(...join('r1', { slots: 3 })), 'register_ack')
    expect(ack?.payload.config).toMatchObject({
      rate_limit: { limit: 100, window_seconds: 60 },
      progress_min_interval_ms: 5_143,
    })
    expect(messages(bench().turn(...join('r1')), 'register_ack')[0]?.payload.config).not.toHaveProperty('rate_limit')
  })

  test('[P35] telemetry beyond the limit is refused, with the limit and when to go on, and not acted upon', () => {
    const fleet = atWork()
    exhaust(fleet)
    fleet.now += 20 * SECOND
    const sent = fleet.turn(progress(99))
    expect(messages(sent, 'error')).toMatchObject([{
      correlation_id: 'job_progress-r1',
      payload: {
        error_code: 'RATE_LIMITED',
        error_message: 'At most 10 messages in 60 s: try again in 40 s',
        details: { limit: LIMIT, remaining: 0, reset: (fleet.now + 40 * SECOND) / SECOND, retry_after_ms: 40 * SECOND },
      },
    }])
    expect(job(fleet, 'j1').progress).toBe(LIMIT - 1)
    // A millisecond before the announced instant, and at it.
    fleet.now += 40 * SECOND - 1
    fleet.turn(progress(99))
    expect(job(fleet, 'j1').progress).toBe(LIMIT - 1)
    fleet.now += 1
    fleet.turn(progress(99))
    expect(job(fleet, 'j1').progress).toBe(99)
  })

  test('[P35] a frame that is no message counts as one, and is refused like telemetry', () => {
    const fleet = atWork()
    exhaust(fleet)
    const refusal = refuse('INVALID_JSON', 'no JSON')
    const garbage: Event = {
      type: 'robot.malformed',
      socket: ids.socket('socket-r1'),
      bytes: 1,
      refusal,
      id: undefined,
    }
    expect(errors(fleet.turn(garbage))).toMatchObject([{ error_code: 'RATE_LIMITED' }])
    fleet.now += 60 * SECOND
    expect(errors(fleet.turn(garbage))).toMatchObject([{ error_code: 'INVALID_JSON' }])
  })

  test('[P35] of many refused messages one a second is answered', () => {
    const fleet = atWork()
    exhaust(fleet)
    const answered = Array.from({ length: 40 }, () => {
      fleet.now += 100
      return errors(fleet.turn(progress(50))).length
    })
    expect(answered.reduce((sum, one) => sum + one, 0)).toBe(4)
  })

  test('[P35] lines that were refused are counted in a line at the end of the log', () => {
    const fleet = atWork()
    exhaust(fleet)
    fleet.turn(line('lost'), batch(20))
    fleet.now += 60 * SECOND
    fleet.turn(line('kept'))
    fleet.turn(complete('r1', 'j1'))
    expect(fleet.disk.logs.map(({ level, message }) => [level, message])).toEqual([
      ['INFO', 'kept'],
      ['WARNING', '21 lines dropped by the rate limit'],
    ])
  })

  test('[P36] a heartbeat beyond the limit is acted upon and answered, and the robot told', () => {
    const fleet = atWork()
    exhaust(fleet)
    fleet.now += 30 * SECOND
    expect(summaryOf(fleet.turn(beat('r1', ['j1'])))).toEqual([
      'socket-r1 error RATE_LIMITED',
      'socket-r1 heartbeat_ack',
    ])
    const session = fleet.state.sessions.get(ids.robot('r1'))
    expect([session?.lastFrameAt, session?.reported?.at]).toEqual([fleet.now, fleet.now])
    // Twice without the job, and it is lost: what the robot reports counts.
    fleet.turn(beat('r1', []), beat('r1', []))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
  })

  test('[P36] 101 identical heartbeats: the last is told RATE_LIMITED, and the robot is online', () => {
    const fleet = bench({ robotMessagesMax: 100 })
    fleet.turn(...join('r1'))
    const refusals = Array.from({ length: 101 }, () => errors(fleet.turn(beat('r1'))).length)
    // The registration was the first message.
    expect(refusals.indexOf(1)).toBe(99)
    expect(fleet.state.sessions.has(ids.robot('r1'))).toBe(true)
  })

  test.each(
    [
      ['job_complete', { job_id: 'j1', result: {} }, 'completed'],
      ['job_failed', { job_id: 'j1', error_message: 'why' }, 'failed'],
      ['job_cancelled', { job_id: 'j1' }, 'cancelled'],
    ] as const,
  )('[P37] %s is never refused for its rate', (type, payload, status) => {
    const fleet = atWork()
    exhaust(fleet)
    expect(errors(fleet.turn(say('r1', type, payload)))).toEqual([])
    expect(job(fleet, 'j1').status).toBe(status)
  })

  test('[P37] nor are an answer to an offer, a status response, a registration and a goodbye', () => {
    const fleet = atWork()
    exhaust(fleet)
    fleet.turn(submit('j2'), submit('j3'))
    expect(errors(fleet.turn(say('r1', 'job_accept', { job_id: 'j2' })))).toEqual([])
    expect(errors(fleet.turn(say('r1', 'job_reject', { job_id: 'j3', reason: 'no' })))).toEqual([])
    expect([job(fleet, 'j2').status, job(fleet, 'j3').status]).toEqual(['running', 'pending'])
    expect(errors(fleet.turn(say('r1', 'status_response', { status: 'online' })))).toEqual([])
    expect(messages(fleet.turn(...join('r1', { slots: 3, socket: 'newer' })), 'register_ack')).toHaveLength(1)
    expect(summaryOf(fleet.turn(say('r1', 'disconnect', {}, 'newer')))).toEqual(['newer close 1000'])
  })

  test('[P34] the replies to offers do not count, however many jobs there are, and repeated ones do', () => {
    const fleet = bench({ robotMessagesMax: LIMIT })
    fleet.turn(...join('r1', { slots: 3 }))
    fleet.turn(say('r1', 'status_response', { status: 'online', active_job_ids: [] }))
    const left = () => fleet.state.limiters.robots.get(ids.robot('r1'))?.window.quota(fleet.now)?.remaining
    for (let n = 0; n < 20 * LIMIT; n++) {
      fleet.turn(submit(`n${n}`))
      fleet.turn(say('r1', 'job_accept', { job_id: `n${n}` }), complete('r1', `n${n}`), beat('r1', []))
    }
    // The registration.
    expect(left()).toBe(LIMIT - 1)
    expect(errors(fleet.turn(beat('r1', [])))).toEqual([])
    for (let n = 1; n <= 3; n++) {
      fleet.turn(complete('r1', 'n0'))
      expect(left()).toBe(LIMIT - 2 - n)
    }
  })

  test('[P34] a robot that refuses every offer has no more than two replies for each that do not count', () => {
    const fleet = bench({ robotMessagesMax: LIMIT, backoffMs: 1_000 })
    fleet.turn(...join('r1'), submit('j1'))
    const left = () => fleet.state.limiters.robots.get(ids.robot('r1'))?.window.quota(fleet.now)?.remaining
    const reject = () => fleet.turn(say('r1', 'job_reject', { job_id: 'j1', reason: 'no' }))
    reject()
    reject()
    expect(left()).toBe(LIMIT - 1)
    reject()
    expect(left()).toBe(LIMIT - 2)
  })

  test('[P37] control counts: as long as it stands in the window, telemetry has to wait', () => {
    const fleet = atWork()
    exhaust(fleet)
    fleet.now += 30 * SECOND
    for (let extra = 0; extra < LIMIT; extra++) fleet.turn(say('r1', 'status_response', { status: 'online' }))
    fleet.now += 30 * SECOND
    expect(errors(fleet.turn(progress(99)))).toMatchObject([{ details: { retry_after_ms: 30 * SECOND } }])
  })
})

test('[P34] what has been used up is carried by the socket where memory goes', () => {
  const fleet = atWork()
  exhaust(fleet)
  fleet.turn(complete('r1', 'of another'))
  const text = snapshotOf(fleet.state, ids.socket('socket-r1')) ?? ''
  const settings = { robotMessagesMax: LIMIT, robotMessagesMs: 60 * SECOND }
  const again = bench(settings, fleet.hot(), [text])
  again.now = fleet.now + 30 * SECOND
  expect(errors(again.turn(progress(99)))).toMatchObject([{ error_code: 'RATE_LIMITED' }])
  expect(again.state.limiters.robots.get(ids.robot('r1'))).toMatchObject({ confirms: true })
})

test('a normal robot with three jobs loses no control message in ten minutes', () => {
  const fleet = bench({ robotMessagesMax: 100 })
  fleet.turn(...join('r1', { slots: 3 }))
  fleet.turn(say('r1', 'status_response', { status: 'online', active_job_ids: [] }))
  const end = fleet.now + 600 * SECOND
  const counts = { refused: 0, telemetry: 0, finished: 0 }
  let made = 0
  let running: { readonly id: string; readonly until: number; percent: number }[] = []
  for (; fleet.now < end; fleet.now += SECOND) {
    const second = (fleet.now - (end - 600 * SECOND)) / SECOND
    // Jobs of 20 to 60 seconds: one ends, and the next one takes its place.
    for (const { id } of running.filter(({ until }) => until <= fleet.now)) {
      fleet.turn(complete('r1', id, { fine: id }))
      expect(job(fleet, id)).toMatchObject({ status: 'completed', result: JSON.stringify({ fine: id }) })
      counts.finished++
    }
    running = running.filter(({ until }) => until > fleet.now)
    while (running.length < 3) {
      const id = `j${++made}`
      fleet.turn(submit(id))
      fleet.turn(say('r1', 'job_accept', { job_id: id }))
      expect(job(fleet, id).status).toBe('running')
      running.push({ id, until: fleet.now + (20 + (made * 7) % 40) * SECOND, percent: 1 })
    }
    const talk = running.flatMap((run) => [
      ...(second % 5 === 0 ? [say('r1', 'job_progress', { job_id: run.id, progress: run.percent++ })] : []),
      ...(second % 2 === 0
        ? [say('r1', 'log_batch', { job_id: run.id, entries: [{ level: 'INFO', message: 'x' }] })]
        : []),
    ])
    for (const event of talk) {
      const kept = () => fleet.disk.logs.length + running.reduce((sum, { id }) => sum + job(fleet, id).progress, 0)
      const before = kept()
      fleet.turn(event)
      counts.telemetry++
      if (kept() === before) counts.refused++
    }
    if (second % 30 === 0) {
      expect(messages(fleet.turn(beat('r1', running.map(({ id }) => id))), 'heartbeat_ack')).toHaveLength(1)
    }
  }
  expect(fleet.state.sessions.size, 'never disconnected').toBe(1)
  expect(counts.finished).toBeGreaterThan(30)
  // 126 messages a minute: what does not fit into a hundred was refused.
  expect(counts.telemetry).toBeGreaterThan(1_200)
  expect(counts.refused).toBeGreaterThan(200)
  expect(counts.telemetry - counts.refused).toBeLessThanOrEqual(10 * 100 + 100)
})
