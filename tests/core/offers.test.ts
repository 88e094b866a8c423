import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import { explain } from '../../core/explain/explain.ts'
import { beat, bench, closed, complete, ids, job, join, messages, say, submit, summaryOf } from './bench.ts'
import { accepts, lists, onOffer, restarted, WAITING } from './offers.ts'

/** Offers that are not simply accepted. Each story ends with what a second robot was asked to do. */

describe('an offer that is not answered', () => {
  test.each(WAITING)('[P39] a job that is %s waits for its robot, which takes it late', (retrySafety) => {
    const fleet = onOffer(retrySafety)
    expect(summaryOf(fleet.pass(15_000))).toEqual(['socket-r1 status_request'])
    expect(messages(fleet.pass(60_000), 'job_assign')).toEqual([])
    expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', robot_id: 'r1', offer: 1 })
    expect(summaryOf(fleet.turn(accepts(), lists('r1', ['j1'])))).toEqual([])
    fleet.turn(complete('r1', 'j1', { total: 3 }))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'completed', offer: 1, attempt: 1, result: '{"total":3}' })
  })

  test('[P39] it waits for as long as the connection lives, and ends when it might have waited in the queue no longer', () => {
    const fleet = bench({ queueTtlMs: 600_000 })
    fleet.turn(...join('r1'), submit('j1'))
    for (let i = 0; i < 9; i++) fleet.turn(...(fleet.pass(60_000), [beat('r1', [])]))
    expect(job(fleet, 'j1').status).toBe('queued')
    fleet.turn(...(fleet.pass(50_000), [beat('r1', [])]))
    expect(summaryOf(fleet.pass(10_000))).toEqual(['socket-r1 job_cancel j1', 'socket-r1 status_request'])
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
    expect(job(fleet, 'j1').stop_until).toBeGreaterThan(fleet.now)
  })

  test('[P40] a list that answers a later request proves that it was not started: it goes to another robot', () => {
    const fleet = onOffer()
    fleet.pass(15_000)
    // Written before the request had been read.
    fleet.turn(beat('r1', []))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', offer: 1 })
    fleet.turn(lists('r1', []))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'pending', offer: 1, offered_at: null })
    expect(summaryOf(fleet.pass(5_000))).toEqual(['socket-r2 job_assign j1#2'])
  })

  test('[P40] an answer that nobody asked for is not taken for the next one', () => {
    const fleet = onOffer()
    fleet.turn(lists('r1', []), lists('r1', []))
    fleet.pass(15_000)
    fleet.turn(beat('r1', []))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', offer: 1 })
  })

  test('[P40] for a job that is never run again, only a refusal is proof: such a list ends it', () => {
    const fleet = onOffer('never')
    fleet.pass(15_000)
    fleet.turn(lists('r1', []))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
    const refused = onOffer('never')
    refused.turn(say('r1', 'job_reject', { job_id: 'j1' }))
    expect(summaryOf(refused.pass(5_000))).toEqual(['socket-r2 job_assign j1#2'])
  })

  test('[P46] a robot that has not answered in time is offered nothing more before it does', () => {
    const fleet = bench()
    fleet.turn(...join('r1', { slots: 3 }), submit('j1'))
    fleet.pass(15_000)
    expect(summaryOf(fleet.turn(submit('j2')))).toEqual([])
    expect(summaryOf(fleet.turn(accepts()))).toEqual(['socket-r1 job_assign j2#1'])
  })

  test('[P39] explain says since when the job waits, and for whom', () => {
    const fleet = onOffer()
    expect(explain(fleet.state, job(fleet, 'j1'), fleet.now).summary).toMatch(/^Offered to r1 at .*not answered yet/)
    fleet.pass(20_000)
    expect(explain(fleet.state, job(fleet, 'j1'), fleet.now).summary).toMatch(
      /r1 has not answered, and may have started/,
    )
    fleet.turn(closed('socket-r1'))
    expect(explain(fleet.state, job(fleet, 'j1'), fleet.now).summary).toMatch(/r1 is away, and may have started/)
  })
})

describe('a robot that goes', () => {
  test.each(WAITING)('[P39] a job that is %s ends with its outcome unknown once the robot is lost', (retrySafety) => {
    const fleet = onOffer(retrySafety)
    fleet.turn(closed('socket-r1'))
    expect(messages(fleet.pass(119_999), 'job_assign')).toEqual([])
    expect(job(fleet, 'j1').status).toBe('queued')
    fleet.pass(1)
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
  })

  test('[P39] its lists on a new connection prove nothing: lacking from two of them, the outcome is unknown', () => {
    const fleet = onOffer()
    fleet.turn(closed('socket-r1'), ...join('r1', { socket: 's2' }))
    fleet.turn(lists('r1', [], 's2'))
    expect(job(fleet, 'j1').status).toBe('queued')
    fleet.pass(30_000)
    expect(summaryOf(fleet.turn(beat('r1', [], 's2')))).toEqual(['s2 heartbeat_ack'])
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
  })

  test('[P39] the answer was lost with the line: its list on the next connection takes the job', () => {
    const fleet = onOffer()
    fleet.turn(closed('socket-r1'))
    fleet.pass(20_000)
    fleet.turn(...join('r1', { socket: 's2' }), lists('r1', ['j1'], 's2'))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'running', robot_id: 'r1', offer: 1 })
  })

  test.each([1_000, 40_000])('[P39] the orchestrator is killed behind the offer and down for %i ms', (down) => {
    const fleet = onOffer()
    fleet.now += down
    const again = restarted(fleet)
    again.turn(...join('r2'), beat('r2', []))
    expect(messages(again.pass(30_000), 'job_assign')).toEqual([])
    again.turn(...join('r1', { socket: 's2' }), say('r1', 'job_complete', { job_id: 'j1', result: {} }, 's2'))
    expect(job(again, 'j1')).toMatchObject({ status: 'completed', robot_id: 'r1', attempt: 1 })
  })

  test('[P39] killed, quickly back, and the robot has finished and dropped the result: it is not run again', () => {
    const again = restarted(onOffer())
    again.turn(...join('r1', { socket: 's2' }), lists('r1', [], 's2'), ...join('r2'), beat('r2', []))
    expect(messages([...again.turn(beat('r1', [], 's2')), ...again.pass(60_000)], 'job_assign')).toEqual([])
    expect(job(again, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
  })

  test('[P44] two machines with one id cannot keep a job alive that neither has', () => {
    const fleet = onOffer()
    fleet.turn(accepts())
    fleet.turn(...join('r1', { socket: 'a' }), lists('r1', [], 'a'))
    expect(job(fleet, 'j1').status).toBe('running')
    fleet.turn(...join('r1', { socket: 'b' }), lists('r1', [], 'b'))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
  })
})

describe('a robot that remembers', () => {
  const memory = (...offers: readonly object[]) => ({ id: 'memory-1', start: 1, offers })

  test.each(WAITING)('[P41] an offer that is not in its memory was never read: %s is offered anew', (retrySafety) => {
    const again = restarted(onOffer(retrySafety, memory()))
    again.turn(...join('r1', { socket: 's2', memory: memory() }), lists('r1', [], 's2'))
    expect(summaryOf(again.pass(0))).toEqual(['s2 job_assign j1#2'])
  })

  test('[P41] one that is in its memory was, and a list without it proves nothing', () => {
    const again = restarted(onOffer('unless_started', memory()))
    const remembers = memory({ job_id: 'j1', offer: 1 })
    expect(summaryOf(again.turn(...join('r1', { socket: 's2', memory: remembers }), lists('r1', [], 's2')))).not
      .toContain(
        's2 job_assign j1#2',
      )
    expect(job(again, 'j1')).toMatchObject({ status: 'queued', offer: 1 })
  })

  test('[P41] a memory that names its attempt counts, unless the job has been started since', () => {
    const again = restarted(onOffer('unless_started', memory()))
    again.turn(...join('r1', { socket: 's2', memory: memory({ job_id: 'j1', attempt: 1 }) }), lists('r1', [], 's2'))
    expect(messages(again.pass(0), 'job_assign')).toEqual([])
    expect(job(again, 'j1')).toMatchObject({ status: 'queued', offer: 1 })
  })

  test('[P41] word of an earlier offer does not stand for this one', () => {
    const fleet = onOffer('unless_started', memory())
    fleet.turn(say('r1', 'job_reject', { job_id: 'j1', offer: 1 }), closed('socket-r2'))
    fleet.pass(20_000)
    expect(job(fleet, 'j1')).toMatchObject({ offer: 2, robot_id: 'r1' })
    fleet.turn(...join('r1', { socket: 's2', memory: memory({ job_id: 'j1', offer: 1 }) }), lists('r1', [], 's2'))
    expect(summaryOf(fleet.pass(0))).toEqual(['s2 job_assign j1#3'])
  })

  test.each([
    ['another memory', { id: 'memory-2', start: 1, offers: [] }],
    ['none', undefined],
    ['one that cannot be read', { id: '', start: 0, offers: 'none' }],
  ])('[P41] %s proves nothing', (_, other) => {
    const again = restarted(onOffer('unless_started', memory()))
    again.turn(...join('r1', { socket: 's2', memory: other }), lists('r1', [], 's2'))
    expect(messages(again.pass(0), 'job_assign')).toEqual([])
    expect(job(again, 'j1')).toMatchObject({ status: 'queued', offer: 1 })
  })
})

describe('jobs that say that they may run twice', () => {
  test.each(['unless_accepted', 'always'] as const)(
    '[P42] %s goes to another robot, and the late one is told to stop',
    (retrySafety) => {
      const fleet = onOffer(retrySafety)
      fleet.pass(15_000)
      expect(summaryOf(fleet.pass(5_000))).toEqual(['socket-r2 job_assign j1#2'])
      expect(summaryOf(fleet.turn(accepts()))).toEqual(['socket-r1 job_cancel j1'])
      fleet.turn(complete('r1', 'j1', { late: true }))
      expect(fleet.disk.history.at(-1)).toMatchObject({ event: 'late_result', job_id: 'j1' })
      expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', robot_id: 'r2' })
    },
  )

  const LATE: readonly (readonly [string, (socket: string) => Event, string])[] = [
    ['job_accept', (socket) => accepts(socket), 'running'],
    ['job_progress', (socket) => say('r1', 'job_progress', { job_id: 'j1', progress: 10 }, socket), 'running'],
    ['job_complete', (socket) => say('r1', 'job_complete', { job_id: 'j1', result: {} }, socket), 'completed'],
    ['job_failed', (socket) => say('r1', 'job_failed', { job_id: 'j1', error_message: 'no' }, socket), 'failed'],
    ['a list', (socket) => lists('r1', ['j1'], socket), 'running'],
  ]
  test.each(LATE)('[P42] as long as no other robot was asked, a late %s takes the job', (_, message, status) => {
    for (const wait of [1, 30_000]) {
      const fleet = bench()
      fleet.turn(...join('r1'), lists('r1', []), submit('j1', { retry_safety: 'unless_accepted' }))
      fleet.pass(15_000 + wait)
      expect(job(fleet, 'j1')).toMatchObject({ status: wait === 1 ? 'pending' : 'queued', offer_until: null })
      fleet.turn(message('socket-r1'))
      expect(job(fleet, 'j1')).toMatchObject({ status, offer: 1, attempt: 1, offered_at: null })
    }
  })

  test('[P42] over a restart, too', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1', { retry_safety: 'unless_accepted' }))
    fleet.pass(30_000)
    const again = restarted(fleet)
    again.turn(...join('r1', { socket: 's2' }), say('r1', 'job_complete', { job_id: 'j1', result: {} }, 's2'))
    expect(job(again, 'j1')).toMatchObject({ status: 'completed', offer: 1 })
  })

  test('[P42] a late refusal settles the offer: nothing more that is said of it counts', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1', { retry_safety: 'unless_accepted' }))
    fleet.pass(16_000)
    fleet.turn(say('r1', 'job_reject', { job_id: 'j1' }))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'pending', offered_at: null })
    expect(summaryOf(fleet.turn(accepts()))).toEqual(['socket-r1 job_cancel j1'])
  })

  test('[P31] cancelled while the robot may be running it, the robot is told to stop', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1', { retry_safety: 'unless_accepted' }))
    fleet.pass(16_000)
    const cancel = { job: ids.job('j1'), by: 'ann', reason: 'not needed' }
    const sent = fleet.turn({ type: 'cancel.requested', reply: ids.reply('cancel'), ...cancel })
    expect(summaryOf(sent)).toContain('socket-r1 job_cancel j1')
    expect(job(fleet, 'j1').stop_until).not.toBeNull()
  })
})
