import { strict as assert } from 'node:assert'
import { describe, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import type { DeliveryId, WebhookId } from '../../core/base/ids.ts'
import { DELIVERY_PAGE } from '../../core/settings.ts'
import { ask, deliveries, hook, HOUR, id, OK, refusalIn, reply, report } from './webhooks.ts'
import { answers, bench, submit } from './bench.ts'

describe('memory is bounded', () => {
  test('of what is pending two pages are in memory at the most, and all of it is sent in the end', () => {
    const fleet = bench()
    fleet.turn(hook({ events: ['job.created'] }))
    for (let i = 0; i < 500; i++) {
      fleet.turn(submit(`job-${i}`))
      const queue = fleet.state.deliveries.queues.get(id)
      assert.ok(queue !== undefined && queue.waiting.size <= 2 * DELIVERY_PAGE)
    }
    let sent = 0
    for (; fleet.calls.length > 0; sent++) {
      fleet.turn(report(fleet, OK))
      fleet.pass(1)
    }
    assert.equal(sent, 500)
    assert.ok(deliveries(fleet).every(({ status }) => status === 'delivered'))
    const { deliveries: queues } = fleet.state
    assert.deepEqual([queues.queues.get(id)?.loadedUpTo, queues.needsPage.size, queues.requestsInFlight], [null, 0, 0])
  })

  test('a restart with more than a page goes on with all of it', () => {
    const before = bench()
    before.turn(hook({ events: ['job.created'] }))
    for (let i = 0; i < 300; i++) before.turn(submit(`job-${i}`))
    const fleet = bench({}, before.hot())
    for (const [key, delivery] of before.disk.rows.deliveries) fleet.disk.rows.deliveries.set(key, delivery)
    assert.equal(fleet.state.deliveries.queues.get(id)?.waiting.size, DELIVERY_PAGE)
    fleet.pass(1)
    while (fleet.calls.length > 0) {
      fleet.turn(report(fleet, OK))
      fleet.pass(1)
    }
    assert.ok(deliveries(fleet).every(({ status }) => status === 'delivered'))
  })

  test('a webhook that is deleted leaves nothing behind', () => {
    const fleet = bench()
    const timers = fleet.state.timers.size
    fleet.turn(hook())
    for (let i = 0; i < 100; i++) fleet.turn(submit(`job-${i}`))
    const late = report(fleet, OK)
    fleet.turn(ask('deleted'))
    fleet.turn(late)
    const { deliveries: queues, webhooks } = fleet.state
    assert.deepEqual([webhooks.size, queues.queues.size, queues.listeners.size, queues.requestsInFlight], [0, 0, 0, 0])
    assert.deepEqual([deliveries(fleet), fleet.disk.rows.webhooks.size], [[], 0])
    assert.equal(fleet.state.timers.size, timers + 100)
  })
})

describe('what people ask for', () => {
  test('a secret that is changed is used for a day still, beside the new one', () => {
    const fleet = bench()
    fleet.turn(hook())
    fleet.turn({ type: 'webhook.rotated', reply, webhook: id, secret: 'whsec_two' })
    const ping = (): readonly string[] => {
      fleet.calls.length = 0
      fleet.turn(ask('pinged'))
      return fleet.calls[0]?.secrets ?? []
    }
    assert.deepEqual(ping(), ['whsec_two', 'whsec_one'])
    fleet.pass(24 * HOUR)
    assert.deepEqual(ping(), ['whsec_two'])
  })

  test('a delivery is replayed as it was, when it has ended and its webhook is enabled', () => {
    const fleet = bench()
    const replay = (delivery: string, webhook = id): Event => ({
      type: 'delivery.replayed',
      reply,
      webhook,
      delivery: delivery as DeliveryId,
    })
    fleet.turn(hook({ events: ['job.created'] }))
    fleet.turn(submit('j1'))
    const [call] = fleet.calls
    const name = call?.delivery ?? ''
    assert.equal(refusalIn(answers(fleet.turn(replay(name)))), 'CONFLICT')
    fleet.turn(report(fleet, OK))
    assert.equal(refusalIn(answers(fleet.turn(replay(name)))), 'delivery')
    assert.deepEqual([fleet.calls[0]?.delivery, fleet.calls[0]?.body], [call?.delivery, call?.body])
    fleet.turn(report(fleet, OK), ask('disabled'))
    assert.equal(refusalIn(answers(fleet.turn(replay(name)))), 'CONFLICT')
    assert.equal(refusalIn(answers(fleet.turn(replay('nobody')))), 'NOT_FOUND')
    assert.equal(refusalIn(answers(fleet.turn(replay(name, 'other' as WebhookId)))), 'NOT_FOUND')
  })

  test('refusals: what is not there, what is there already, one too many, a test of what is disabled', () => {
    const fleet = bench({ webhooksMax: 1 })
    const refused = (event: Event) => refusalIn(answers(fleet.turn(event)))
    assert.equal(refused(ask('enabled')), 'NOT_FOUND')
    assert.equal(refused(hook({ mode: 'update' })), 'NOT_FOUND')
    assert.equal(refused({ type: 'webhook.rotated', reply, webhook: id, secret: '' }), 'NOT_FOUND')
    assert.equal(refused(hook()), 'webhook')
    assert.equal(refused(hook()), 'CONFLICT')
    assert.equal(refused(hook({ webhook: 'second' as WebhookId })), 'CONFLICT')
    assert.equal(refused(ask('disabled')), 'webhook')
    assert.equal(refused(ask('pinged')), 'CONFLICT')
  })
})
