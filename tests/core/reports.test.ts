import { describe, expect, test } from 'vitest'
import type { JsonText } from '../../core/base/ids.ts'
import { beat, bench, closed, complete, ids, job, join, running, say, submit, summaryOf } from './bench.ts'

describe('reporting', () => {
  test('[P19] accept and complete in one breath', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1'))
    fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }), complete('r1', 'j1', { n: 1 }))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'completed', progress: 100, result: '{"n":1}' })
  })

  test('[P20] a result that is repeated after a reconnect is neither an error nor a second end', () => {
    const fleet = running()
    fleet.turn(complete('r1', 'j1', { n: 1 }, 1))
    const entries = fleet.disk.history.length
    fleet.turn(closed('socket-r1'), ...join('r1', { socket: 's2' }))
    const again = say('r1', 'job_complete', { job_id: 'j1', result: { n: 1 }, offer: 1 }, 's2')
    expect(summaryOf(fleet.turn(again))).toEqual([])
    expect(fleet.disk.history).toHaveLength(entries)
  })

  test('[P21] what is said of an earlier attempt changes nothing, and is on record once', () => {
    const fleet = running('always')
    fleet.turn(closed('socket-r1'), ...join('r2'))
    fleet.pass(60_000)
    fleet.turn(beat('r2'))
    fleet.pass(60_000)
    fleet.turn(...join('r1', { socket: 's2' }))
    const late = say('r1', 'job_complete', { job_id: 'j1', result: { from: 'r1' }, offer: 1 }, 's2')
    fleet.turn(late, late)
    expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', robot_id: 'r2', result: null })
    expect(fleet.disk.history.filter(({ event }) => event === 'late_result')).toHaveLength(1)
  })

  test.each(['job_progress', 'job_complete', 'job_failed', 'job_cancelled'] as const)(
    '[P21] %s of a robot that echoes attempt is about the last offer, or changes nothing',
    (type) => {
      const fleet = bench()
      fleet.turn(...join('r1'), beat('r1', []), submit('j1', { retry_safety: 'always' }))
      fleet.turn(say('r1', 'job_reject', { job_id: 'j1', attempt: 1 }))
      fleet.pass(11_000)
      expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', offer: 2, attempt: 0 })
      fleet.turn(say('r1', type, { job_id: 'j1', progress: 1, attempt: 2 }))
      expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', offer: 2, attempt: 0 })
      fleet.turn(say('r1', 'job_accept', { job_id: 'j1', attempt: 1 }))
      fleet.turn(say('r1', type, { job_id: 'j1', progress: 1, attempt: 2 }))
      expect(job(fleet, 'j1')).toMatchObject({ status: 'running', progress: 0, offer: 2, attempt: 1 })
      fleet.turn(say('r1', type, { job_id: 'j1', progress: 1, attempt: 1 }))
      const { status, progress } = job(fleet, 'j1')
      expect(status === 'running' ? progress : status).toBe(
        { job_progress: 1, job_complete: 'completed', job_failed: 'failed', job_cancelled: 'cancelled' }[type],
      )
    },
  )

  test('a result for a job that never was is refused', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    expect(summaryOf(fleet.turn(complete('r1', 'nope')))).toEqual(['socket-r1 error NOT_FOUND'])
  })

  test('[P28] progress is a percentage that never falls within an attempt', () => {
    const fleet = running()
    const progress = (value: number | null) => {
      fleet.turn(say('r1', 'job_progress', { job_id: 'j1', progress: value, current_node: 'n', message: '' }))
      return job(fleet, 'j1').progress
    }
    expect([30.4, 10, 1e9, null, -5].map(progress)).toEqual([30, 30, 100, 100, 100])
  })

  test('a failure keeps what the robot says about it', () => {
    const fleet = running()
    const failure = {
      error_message: 'No such element',
      error_type: 'ElementNotFound',
      stack_trace: 's',
      failed_node: 'n',
    }
    fleet.turn(say('r1', 'job_failed', { job_id: 'j1', ...failure }))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', ...failure })
  })

  test('a job that failed without a word says at least that', () => {
    const fleet = running()
    const nothing = { error_message: '', error_type: '', stack_trace: '', failed_node: '' }
    fleet.turn(say('r1', 'job_failed', { job_id: 'j1', ...nothing }))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_message: 'Unknown error' })
  })

  test('[P29] log lines are kept in order, cut when too long, and taken for a while after the end', () => {
    const fleet = running()
    const line = (message: string) => ({ level: 'INFO', message, node_id: '' })
    const batch = (...texts: string[]) => say('r1', 'log_batch', { job_id: 'j1', entries: texts.map(line) })
    fleet.turn(batch('one', 'two'), say('r1', 'log_entry', { job_id: 'j1', ...line('three') }), complete('r1', 'j1'))
    fleet.pass(60_000)
    fleet.turn(batch('x'.repeat(20_000)))
    fleet.turn(beat('r1'))
    fleet.pass(60_000)
    for (let i = 0; i < 10; i++) {
      fleet.turn(beat('r1'))
      fleet.pass(60_000)
    }
    fleet.turn(batch('too late'))
    expect(fleet.disk.logs.map(({ message }) => message.slice(0, 5))).toEqual(['one', 'two', 'three', 'xxxxx'])
    expect(fleet.disk.logs.at(-1)?.message).toHaveLength(16_384 + '… (20000 characters)'.length)
    expect(fleet.disk.logs.map(({ seq }) => seq)).toEqual(
      fleet.disk.logs.map(({ seq }) => seq).toSorted((a, b) => a - b),
    )
  })

  test('[P29] a message with log lines that is repeated is stored once, on another connection too', () => {
    const fleet = running()
    const line = (id: string, socket?: string) => {
      const event = say('r1', 'log_entry', { job_id: 'j1', level: 'INFO', message: id }, socket)
      return { ...event, message: { ...(event as { message: object }).message, id } } as typeof event
    }
    fleet.turn(line('m1'), line('m2'), line('m1'))
    fleet.turn(closed('socket-r1'), ...join('r1', { socket: 's2' }), line('m2', 's2'), line('m3', 's2'))
    expect(fleet.disk.logs.map(({ message }) => message)).toEqual(['m1', 'm2', 'm3'])
  })

  test('[P29] a log that is full says at the end how much was left out', () => {
    const fleet = running()
    const entries = Array.from({ length: 1_000 }, (_, i) => ({ level: 'INFO', message: `${i}` }))
    for (let i = 0; i < 101; i++) {
      const batch = say('r1', 'log_batch', { job_id: 'j1', entries })
      fleet.turn({ ...batch, message: { ...(batch as { message: object }).message, id: i } } as typeof batch)
    }
    expect(fleet.disk.logs).toHaveLength(100_000)
    fleet.turn(complete('r1', 'j1'))
    expect(fleet.disk.logs.at(-1)).toMatchObject({
      level: 'WARNING',
      message: '1000 lines were left out: this log is full',
    })
    expect(fleet.state.logs.size).toBe(0)
  })

  test('[P8] a result that cannot be kept is not cut: the job fails, and says so', () => {
    const fleet = bench()
    const parameters = JSON.stringify({ text: 'p'.repeat(900_000) }) as JsonText
    fleet.turn(...join('r1', { slots: 2 }), submit('a', { parameters, max_attempts: 3 }), submit('b', { parameters }))
    fleet.turn(complete('r1', 'a', 'x'.repeat(900_000)), complete('r1', 'b', 'x'.repeat(800_000)))
    expect(fleet.disk.rows.jobs.get(ids.job('a'))).toMatchObject({ status: 'failed', error_type: 'RESULT_TOO_LARGE' })
    expect(fleet.disk.rows.jobs.get(ids.job('b'))?.status).toBe('completed')
  })

  test('[P29] log lines for a job of another robot are refused', () => {
    const fleet = running()
    fleet.turn(...join('r2'))
    const foreign = say('r2', 'log_entry', { job_id: 'j1', level: 'INFO', message: 'x', node_id: '' })
    expect(summaryOf(fleet.turn(foreign))).toEqual(['socket-r2 error NOT_FOUND'])
    expect(fleet.disk.logs).toEqual([])
  })

  test('[P24] a robot that says goodbye is let go, and its job waits for it', () => {
    const fleet = running()
    expect(summaryOf(fleet.turn(say('r1', 'disconnect', { reason: 'Scheduled maintenance' })))).toEqual([
      'socket-r1 close 1000',
    ])
    expect(job(fleet, 'j1').status).toBe('running')
  })
})
