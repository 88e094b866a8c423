import { strict as assert } from 'node:assert'
import * as fc from 'fast-check'
import { describe, test } from 'vitest'
import type { WebhookId, WorkflowId } from '../../core/base/ids.ts'
import { instantText } from '../../core/base/instant.ts'
import { WEBHOOK_REQUEST_MS } from '../../core/settings.ts'
import { type DeliveryRow, EVENT_PATTERNS, matches } from '../../core/records/webhook.ts'
import {
  answerAll,
  ask,
  deliveries,
  DOWN,
  emitted,
  hook,
  HOUR,
  id,
  MINUTE,
  OK,
  reply,
  report,
  row,
} from './webhooks.ts'
import { beat, bench, complete, ids, join, running, say, submit } from './bench.ts'

test('an instant is written as the platform writes it', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) }), (at) => {
    assert.equal(instantText(at), new Date(at).toISOString())
  }))
  for (const day of ['2000-02-29', '2100-02-28', '2100-03-01', '2399-12-31', '2400-02-29', '1970-01-01']) {
    assert.equal(instantText(Date.parse(day)), `${day}T00:00:00.000Z`)
  }
})

test('a pattern asks for one event, for a family, or for everything', () => {
  const cell = (pattern: string): string =>
    [matches([pattern], 'job.failed'), matches([pattern], 'robot.online')].join()
  assert.deepEqual(['*', 'job.*', 'job.failed', 'robot.*', 'job', 'jo*', ''].map(cell), [
    'true,true',
    'true,false',
    'true,false',
    'false,true',
    'false,false',
    'false,false',
    'false,false',
  ])
  assert.ok(EVENT_PATTERNS.includes('webhook.*'))
})

describe('what is told', () => {
  test('the life of a job, each event in the turn in which it happens', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['job.*'] }))
    fleet.turn(...join('r1'))
    fleet.turn(submit('j1'))
    assert.deepEqual(emitted(fleet), ['job.created', 'job.queued'])
    fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }), complete('r1', 'j1', { secret: 'result' }))
    assert.deepEqual(emitted(fleet), ['job.created', 'job.queued', 'job.started', 'job.completed'])
    const { type, timestamp, data } = JSON.parse(deliveries(fleet)[3]?.payload ?? '') as Record<string, object>
    assert.deepEqual([type, timestamp], ['job.completed', new Date(fleet.now).toISOString()])
    const { job_id, status, robot_id, completed_at } = data as Record<string, unknown>
    assert.deepEqual([job_id, status, robot_id, completed_at], ['j1', 'completed', 'r1', timestamp])
    assert.ok(!deliveries(fleet).some(({ payload }) => payload.includes('secret')))
  })

  test('every end, dead letters, robots and triggers', () => {
    const fleet = bench({ queueTtlMs: MINUTE })
    fleet.turn(hook({ events: ['job.failed', 'job.cancelled', 'job.timeout', 'job.dead_lettered', 'robot.*'] }))
    fleet.turn(...join('r1'))
    const fail = { job_id: 'j1', error_type: 'NetworkError', error_message: 'no' }
    fleet.turn(
      submit('j1', { max_attempts: 2 }),
      say('r1', 'job_accept', { job_id: 'j1' }),
      say('r1', 'job_failed', fail),
    )
    fleet.turn(beat('r1', []))
    answerAll(fleet, OK, 6_000)
    fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }), say('r1', 'job_failed', fail))
    fleet.turn(submit('j2'), {
      type: 'cancel.requested',
      reply,
      job: ids.job('j2'),
      by: 'me',
      reason: 'no',
    })
    fleet.turn({ type: 'socket.closed', socket: ids.socket('socket-r1') }, submit('j3'))
    answerAll(fleet, OK, 2 * MINUTE)
    assert.deepEqual(emitted(fleet), [
      'robot.online',
      'job.failed',
      'job.dead_lettered',
      'job.cancelled',
      'robot.offline',
      'job.timeout',
    ])
  })

  test('a robot that takes over its own connection has not been away', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['robot.*'] }))
    fleet.turn(...join('r1'))
    fleet.turn(...join('r1', { socket: 'other' }))
    assert.deepEqual(emitted(fleet), ['robot.online'])
  })

  test('only what is asked for, of the workflow that is asked for, and nothing while nobody listens', () => {
    const fleet = bench()
    fleet.turn(submit('j0'))
    fleet.turn(hook({ events: ['job.created', 'robot.*'], workflow: 'w2' as WorkflowId }))
    fleet.turn(...join('r1'), submit('j1'))
    assert.deepEqual(emitted(fleet), [])
    fleet.turn(hook({ mode: 'update', events: ['job.created'], workflow: 'w1' as WorkflowId }))
    fleet.turn(submit('j2'))
    fleet.turn(ask('disabled'))
    fleet.turn(submit('j3'))
    assert.deepEqual(emitted(fleet), ['job.created'])
  })

  test('the same turn makes the same ids, and no two things have the same', () => {
    const made = [1, 2].map(() => {
      const fleet = bench()
      fleet.turn(hook(), hook({ webhook: 'other' as WebhookId }))
      fleet.turn(submit('j1'), submit('j2'))
      return deliveries(fleet).map((one) => one.id)
    })
    assert.deepEqual(made[0], made[1])
    assert.equal(new Set(made[0]).size, 8)
  })
})

describe('sending', () => {
  test('a delivery is sent in its own turn, signed with the secret, and delivered when it is answered', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['job.created'] }))
    fleet.turn(submit('j1'))
    const [call] = fleet.calls
    const [delivery] = deliveries(fleet)
    assert.deepEqual(call, {
      request: 1,
      webhook: id,
      delivery: delivery?.id,
      url: 'https://example.com/hook',
      secrets: ['whsec_one'],
      body: delivery?.payload,
    })
    fleet.turn(report(fleet, OK))
    const { status, attempt, next_at, status_code, delivered_at } = deliveries(fleet)[0] as DeliveryRow
    assert.deepEqual([status, attempt, next_at, status_code, delivered_at], ['delivered', 1, null, 200, fleet.now])
    assert.equal(fleet.state.deliveries.requestsInFlight, 0)
  })

  test('what fails is tried again, later each time, and after the last try it has failed for good', () => {
    const fleet = bench({ webhookFailingMs: 1_000 * HOUR })
    fleet.turn(hook({ events: ['job.created'] }))
    fleet.turn(submit('j1'))
    const waits: number[] = []
    for (;;) {
      fleet.turn(report(fleet, DOWN))
      const [delivery] = deliveries(fleet) as [DeliveryRow]
      if (delivery.next_at === null) break
      waits.push(delivery.next_at - fleet.now)
      fleet.pass(delivery.next_at - fleet.now - 1)
      assert.equal(fleet.calls.length, 0)
      fleet.pass(1)
    }
    const table = fleet.state.settings.deliveryBackoffMs
    assert.equal(waits.length, table.length)
    for (const [i, wait] of waits.entries()) assert.ok(wait <= table[i]! && wait >= table[i]! * 0.75, `${wait}`)
    assert.ok(table.reduce((sum, wait) => sum + wait) * 0.75 > 23 * HOUR)
    const [{ status, attempt, error }] = deliveries(fleet) as [DeliveryRow]
    assert.deepEqual([status, attempt, error], ['failed', 8, 'answered 500'])
  })

  test('a receiver that asks for patience gets it, but not for ever', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['job.created'] }))
    fleet.turn(submit('j1'))
    fleet.turn(report(fleet, { status: 429, error: 'answered 429', retry_after_ms: HOUR }))
    assert.equal(deliveries(fleet)[0]?.next_at, fleet.now + HOUR)
    fleet.pass(HOUR)
    fleet.turn(report(fleet, { status: 503, error: 'answered 503', retry_after_ms: 1e12 }))
    assert.equal(deliveries(fleet)[0]?.next_at, fleet.now + 24 * HOUR)
  })

  test('410 disables the webhook, and another webhook is told', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['job.created'] }), hook({ webhook: 'other' as WebhookId, events: ['webhook.disabled'] }))
    fleet.turn(submit('j1'))
    fleet.turn(report(fleet, { status: 410, error: 'answered 410', retry_after_ms: null }))
    assert.deepEqual([row(fleet).enabled, row(fleet).disabled_reason.includes('410')], [false, true])
    assert.deepEqual(deliveries(fleet).map(({ event, status }) => `${event} ${status}`), [
      'job.created failed',
      'webhook.disabled pending',
    ])
  })

  test('a webhook at which nothing succeeds for a day is disabled, and told what is pending when it is enabled', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['job.created'] }))
    fleet.turn(submit('j0'))
    for (let hour = 0; hour <= 25; hour++) {
      fleet.turn(submit(`job-${hour}`))
      answerAll(fleet, DOWN, HOUR)
    }
    assert.equal(row(fleet).enabled, false)
    assert.match(row(fleet).disabled_reason, /2\d hours/)
    const held = deliveries(fleet).filter(({ status }) => status === 'pending').length
    assert.ok(held > 10)
    fleet.calls.length = 0
    fleet.turn(ask('enabled'))
    answerAll(fleet, OK, 24 * HOUR)
    assert.equal(deliveries(fleet).filter(({ status }) => status === 'pending').length, 0)
    assert.equal(deliveries(fleet).filter(({ status }) => status === 'delivered').length, held)
    assert.equal(row(fleet).failing_since, null)
  })

  test('a success ends a time of failing', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['job.created'] }))
    fleet.turn(submit('j1'))
    fleet.turn(report(fleet, DOWN))
    assert.equal(row(fleet).failing_since, fleet.now)
    fleet.pass(10_000)
    fleet.turn(report(fleet, OK))
    assert.equal(row(fleet).failing_since, null)
  })

  test('a call of which nothing is heard is made again, and what is heard of it too late changes nothing', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['job.created'] }))
    fleet.turn(submit('j1'))
    const late = report(fleet, OK)
    fleet.pass(2 * WEBHOOK_REQUEST_MS + 5_000)
    assert.equal(fleet.calls.length, 1)
    assert.equal(deliveries(fleet)[0]?.attempt, 1)
    fleet.turn(late)
    assert.equal(deliveries(fleet)[0]?.status, 'pending')
    fleet.turn(report(fleet, OK))
    assert.equal(deliveries(fleet)[0]?.status, 'delivered')
  })

  test('what was under way when memory went is sent again under the same id', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['job.created'] }))
    fleet.turn(submit('j1'))
    const after = bench({}, fleet.hot())
    after.pass(1)
    assert.deepEqual(after.calls.map(({ delivery, body }) => [delivery, body]), [
      [fleet.calls[0]?.delivery, fleet.calls[0]?.body],
    ])
  })

  test('nothing new is sent by a process that is about to stop', () => {
    const fleet = running()
    fleet.turn(hook({ events: ['job.completed'] }))
    fleet.turn({ type: 'drain' }, complete('r1', 'j1'))
    assert.deepEqual([emitted(fleet), fleet.calls], [['job.completed'], []])
  })

  test('so many calls are under way to one webhook, so many in all, and one to a webhook that fails', () => {
    const fleet = bench({ webhookRequestsMax: 32, webhookRequestsMaxEach: 4 })
    const hooks = Array.from({ length: 10 }, (_, i) => `hook-${i}` as WebhookId)
    fleet.turn(...hooks.map((webhook) => hook({ webhook, events: ['job.created'] })))
    fleet.turn(...Array.from({ length: 6 }, (_, i) => submit(`job-${i}`)))
    assert.equal(fleet.calls.length, 32)
    const of = (webhook: WebhookId) => fleet.calls.filter((call) => call.webhook === webhook).length
    // In turns: no webhook waits until another has received everything.
    assert.deepEqual(hooks.map(of), [4, 4, 3, 3, 3, 3, 3, 3, 3, 3])
    while (fleet.calls.length > 0) fleet.turn(report(fleet, DOWN))
    fleet.pass(10_000)
    assert.deepEqual(hooks.map(of), hooks.map(() => 1))
  })
})
