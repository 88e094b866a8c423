import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import { RETRY_SAFETIES } from '../../core/records/job.ts'
import { answers, bench, closed, complete, ids, job, join, messages, say, submit, summaryOf } from './bench.ts'
import { accepts, lists, onOffer, restarted } from './offers.ts'

describe('release', () => {
  const release = (reason = ''): Event => ({
    type: 'release.requested',
    reply: ids.reply('release'),
    job: ids.job('j1'),
    by: 'ann',
    reason,
  })

  test('[P43] a person who knows that a job was not started has it offered anew, and the history says so', () => {
    const fleet = onOffer()
    fleet.turn(closed('socket-r1'))
    const sent = fleet.turn(release('the machine was off'))
    expect(answers(sent)[0]).toMatchObject({ type: 'job', job: { status: 'pending' } })
    expect(fleet.disk.history.at(-1)).toMatchObject({
      event: 'back_off',
      actor: 'ann',
      detail: 'released: r1 has not started it: the machine was off',
    })
    expect(summaryOf(fleet.pass(0))).toEqual(['socket-r2 job_assign j1#2'])
  })

  test('[P43] the robot that had it is not asked before its list shows that it has not got it', () => {
    const fleet = onOffer()
    fleet.pass(20_000)
    fleet.turn(closed('socket-r2'), release())
    expect(messages(fleet.pass(1_000), 'job_assign')).toEqual([])
    fleet.turn(lists('r1', []))
    expect(summaryOf(fleet.turn(lists('r1', [])))).toEqual(['socket-r1 job_assign j1#2'])
  })

  test('[P43] if it was wrong, and no other robot was asked yet, the robot takes the job', () => {
    const fleet = onOffer()
    fleet.pass(20_000)
    fleet.turn(closed('socket-r2'), release())
    fleet.turn(accepts())
    expect(job(fleet, 'j1')).toMatchObject({ status: 'running', robot_id: 'r1', offer: 1 })
  })

  test.each([
    ['a robot that may still answer', () => onOffer(), 'may still answer'],
    ['a job that runs', () => ((f) => (f.turn(accepts()), f))(onOffer()), 'has accepted it'],
    ['a job that waits', () => ((f) => (f.turn(submit('j1')), f))(bench()), 'not held by a robot'],
    ['a job that has ended', () => ((f) => (f.turn(accepts(), complete('r1', 'j1', {})), f))(onOffer()), 'has ended'],
  ])('[P43] %s is not released', (_, story, why) => {
    const fleet = story()
    const before = job(fleet, 'j1')
    const [answer] = answers(fleet.turn(release()))
    expect(answer).toMatchObject({ type: 'refusal', refusal: { refused: 'CONFLICT' } })
    expect(JSON.stringify(answer)).toContain(why)
    expect(job(fleet, 'j1')).toEqual(before)
  })
})

describe('what happened before the deadline counts as before it', () => {
  const started = () => {
    const fleet = bench()
    fleet.turn(...join('r1'), lists('r1', []), submit('j1', { timeout_ms: 60_000 }), accepts())
    return fleet
  }
  const result = say('r1', 'job_complete', { job_id: 'j1', result: {} }, 's2')

  test('[P45] a job whose robot is away does not time out, and its result counts when it comes', () => {
    const fleet = started()
    fleet.turn(closed('socket-r1'))
    fleet.pass(100_000)
    expect(job(fleet, 'j1').status).toBe('running')
    fleet.turn(...join('r1', { socket: 's2' }), result)
    expect(job(fleet, 'j1').status).toBe('completed')
  })

  test('[P45] nor while the orchestrator was down', () => {
    const fleet = started()
    fleet.now += 3_600_000
    const again = restarted(fleet)
    again.pass(10_000)
    again.turn(...join('r1', { socket: 's2' }), result, lists('r1', [], 's2'))
    expect(job(again, 'j1').status).toBe('completed')
  })

  test('[P45] a robot that comes back and is still at it has run too long', () => {
    const fleet = started()
    fleet.turn(closed('socket-r1'))
    fleet.pass(100_000)
    fleet.turn(...join('r1', { socket: 's2' }), lists('r1', ['j1'], 's2'))
    expect(summaryOf(fleet.pass(0))).toEqual(['s2 job_cancel j1'])
    expect(job(fleet, 'j1').status).toBe('timeout')
  })

  test('[P45] one that comes back and never reports gets two heartbeats', () => {
    const fleet = started()
    fleet.turn(closed('socket-r1'))
    fleet.pass(100_000)
    fleet.turn(...join('r1', { socket: 's2' }))
    fleet.pass(59_999)
    expect(job(fleet, 'j1').status).toBe('running')
    fleet.pass(1)
    expect(job(fleet, 'j1').status).toBe('timeout')
  })

  test.each(RETRY_SAFETIES)('[P45] one that does not come back is lost, and %s decides', (retrySafety) => {
    const fleet = bench()
    fleet.turn(
      ...join('r1'),
      submit('j1', { timeout_ms: 60_000, retry_safety: retrySafety }),
      accepts(),
      closed('socket-r1'),
    )
    fleet.pass(120_000)
    const ends = { status: 'failed', error_type: 'OUTCOME_UNKNOWN' }
    expect(job(fleet, 'j1')).toMatchObject(retrySafety === 'always' ? { status: 'queued' } : ends)
  })
})
