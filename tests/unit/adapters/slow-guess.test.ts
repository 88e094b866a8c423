import { afterAll, expect, test } from 'vitest'
import { openFleet, type Platform } from '../../../adapters/fleet/fleet.ts'
import { httpApp } from '../../../adapters/http/app.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import { DEFAULTS } from '../../../core/settings.ts'
import { workflow } from '../../core/schedules.ts'
import { nothingGiven, secret, trigger } from '../../core/triggers.ts'

/** Guesses whose bodies take their time: an attempt that failed counts when that is known, not when its request began. */

const clock = { now: Date.parse('2026-01-05T09:00:00Z') }
const platform: Platform = {
  hibernates: false,
  now: () => clock.now,
  uuid: () => crypto.randomUUID(),
  rowId: () => crypto.randomUUID(),
  seed: () => 1,
  defer: (run) => void setImmediate(run),
  post: () => Promise.reject(new Error('there is no network')),
  setAlarm: () => {},
  log: () => {},
}
const fleet = await openFleet(memoryStore(), platform, DEFAULTS, () => {})
afterAll(() => fleet.stop())
const app = httpApp(fleet, { version: '0', durability: 'full' })

const signature = { header: 'x-sig', algorithm: 'sha256', encoding: 'hex', prefix: '' } as const
const credential = nothingGiven({ auth: 'hmac', secret: secret('shared'), signature })
const signed = { ...trigger({ trigger_type: 'webhook' }), credential }
for (const event of [...workflow(), signed]) await fleet.request((reply) => ({ ...event, reply } as never))

const guess = async (body: string | ReadableStream<Uint8Array>): Promise<number> => {
  const init = { method: 'POST', headers: { 'X-Sig': '00'.repeat(32) }, body, duplex: 'half' } as const
  return (await app.request('/webhook/t', init)).status
}

/** A guess whose body starts, and ends on demand. */
function slowGuess(): () => Promise<number> {
  let end = (): void => {}
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      end = () => {
        controller.enqueue(new TextEncoder().encode('{}'))
        controller.close()
      }
    },
  })
  const status = guess(body)
  return () => {
    end()
    return status
  }
}

test('guesses that began long ago do not make room for more', async () => {
  const slow = Array.from({ length: 3 }, slowGuess)
  clock.now += 59_000
  for (let n = 0; n < 20; n++) expect(await guess('{}')).toBe(401)
  expect(await guess('{}')).toBe(429)
  for (const finish of slow) {
    expect(await finish()).toBe(429)
    expect(await guess('{}')).toBe(429)
  }
})
