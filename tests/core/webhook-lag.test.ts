import { strict as assert } from 'node:assert'
import { test } from 'vitest'
import type { WebhookId } from '../../core/base/ids.ts'
import { WEBHOOK_LAG_MS, WEBHOOK_LAG_REPORT_MS } from '../../core/settings.ts'
import { bench, submit } from './bench.ts'
import { hook, OK, report } from './webhooks.ts'

/** Webhooks whose receivers are slow. */

test('receivers that do not answer take every place, and another webhook is served all the same', () => {
  const fleet = bench({ webhookRequestsMax: 4, webhookRequestsMaxEach: 2 })
  const silent = ['silent-1', 'silent-2'] as WebhookId[]
  fleet.turn(...silent.map((webhook) => hook({ webhook, events: ['job.created'] })))
  fleet.turn(submit('j1'), submit('j2'), submit('j3'))
  assert.equal(fleet.calls.length, 4)
  fleet.calls.length = 0
  fleet.turn(hook({ events: ['job.created'] }))
  for (const name of ['j4', 'j5', 'j6']) fleet.turn(submit(name))
  for (let sent = 1; sent <= 3; sent++) {
    assert.deepEqual(fleet.calls.map(({ webhook }) => webhook), ['hook'])
    fleet.turn(report(fleet, OK))
  }
  assert.equal(fleet.calls.length, 0)
})

test('a webhook that lags is written into the log, once an hour, and so is that it has caught up', () => {
  const fleet = bench({ webhookRequestsMaxEach: 1 })
  fleet.turn(hook({ events: ['job.created'] }))
  fleet.turn(submit('j1'), submit('j2'), submit('j3'))
  const lines = () => fleet.warnings.splice(0).map(({ message }) => message.split(':')[0])
  // The receiver takes the first at the last moment, and then the second.
  fleet.now += WEBHOOK_LAG_MS + 1
  fleet.turn(report(fleet, OK))
  assert.deepEqual(fleet.warnings, [{
    message: 'a webhook lags behind: its receiver takes less than what happens',
    details: { webhook: 'hook', late_ms: WEBHOOK_LAG_MS + 1, in_flight: 1 },
  }])
  assert.deepEqual(lines(), ['a webhook lags behind'])
  fleet.turn(submit('j4'))
  assert.deepEqual(lines(), [])
  fleet.now += WEBHOOK_LAG_REPORT_MS
  fleet.turn(submit('j5'))
  assert.deepEqual(lines(), ['a webhook lags behind'])
  while (fleet.calls.length > 0) fleet.turn(report(fleet, OK))
  assert.deepEqual(lines(), ['a webhook has caught up'])
})
