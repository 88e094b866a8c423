import { expect, test } from 'vitest'
import { Sources } from '../../../adapters/sources/sources.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import { mailTrigger } from '../sources/mail-trigger.ts'

/** Sources follow the triggers as these change. */

const ROW = mailTrigger({}, 'password')

/** Sources that note when they begin and end. */
function lab() {
  const rows: TriggerRow[] = []
  const noted: string[] = []
  const sources = new Sources({
    starters: {
      email: ({ revision }) => {
        noted.push(`begins ${revision}`)
        return { stop: () => Promise.resolve(void noted.push(`ends ${revision}`)) }
      },
    },
    triggers: () => rows,
    request: () => Promise.reject(new Error('nothing is asked')),
    now: () => 0,
    rowId: () => 'job',
    log: () => {},
  })
  return {
    sources,
    /** The notes after a look at these triggers. */
    async look(...triggers: readonly TriggerRow[]): Promise<readonly string[]> {
      rows.splice(0, rows.length, ...triggers)
      sources.look()
      await new Promise(setImmediate)
      return noted.splice(0)
    },
  }
}

test('a source begins anew when its trigger is changed, and is there at once', async () => {
  const { look, sources } = lab()
  expect(await look(ROW)).toEqual(['begins 1'])
  expect(await look({ ...ROW, trigger_count: 1 })).toEqual([])
  expect(await look({ ...ROW, revision: 2 })).toEqual(['ends 1', 'begins 2'])
  expect(sources.status(ROW.id)).toMatchObject({ state: 'starting' })
})

test('a source ends with its trigger, and when that is disabled', async () => {
  const { look, sources } = lab()
  await look(ROW)
  expect(await look({ ...ROW, enabled: false, revision: 2 })).toEqual(['ends 1'])
  expect(sources.status(ROW.id)).toBeNull()
  expect(await look({ ...ROW, revision: 3 })).toEqual(['begins 3'])
  expect(await look()).toEqual(['ends 3'])
})

test('nothing begins any more once all were stopped', async () => {
  const { look, sources } = lab()
  await look(ROW)
  await sources.stop()
  expect(await look(ROW)).toEqual(['ends 1'])
})
