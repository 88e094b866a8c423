import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { backoffMs } from '../../../robot/backoff.ts'
import { optionsFrom } from '../../../robot/environment.ts'
import { ROBOT_OPTIONS } from '../../../robot/flags.ts'
import { faultOf } from '../../../robot/results.ts'
import { Outbox } from '../../../robot/outbox.ts'
import { truncate } from '../../../robot/text.ts'

describe('back-off', () => {
  test('doubles up to its cap, with jitter over the whole span', () => {
    const ceilings = [0, 1, 2, 6, 7, 8, 1_000].map((failures) => backoffMs(failures, 500, 60_000, () => 0.999_999))
    expect(ceilings).toEqual([499, 999, 1_999, 31_999, 59_999, 59_999, 59_999])
    expect(backoffMs(5, 500, 60_000, () => 0)).toBe(0)
  })
})

describe('the outbox', () => {
  const result = (id: string) =>
    ({ id, message: { type: 'job_complete', payload: { job_id: id, robot_id: 'r' } } }) as const
  const ids = (entries: readonly { readonly id: string }[]) => entries.map(({ id }) => id)

  test('gives up what left before the heartbeat that is answered, and keeps what left after it', () => {
    const outbox = new Outbox()
    for (const id of ['a', 'b', 'unsent']) outbox.put(result(id))
    outbox.sent('a')
    expect(outbox.unasked).toBe(true)
    outbox.heartbeat('h1')
    expect(outbox.unasked).toBe(false)
    outbox.sent('b')
    expect(ids(outbox.answered('h1'))).toEqual(['a'])
    expect(ids(outbox.all())).toEqual(['b', 'unsent'])
    outbox.heartbeat('h2')
    expect(ids(outbox.answered('h2'))).toEqual(['b'])
    expect(outbox.size).toBe(1)
  })

  test('takes nothing from answers of an earlier connection', () => {
    const outbox = new Outbox()
    outbox.put(result('a'))
    outbox.sent('a')
    outbox.heartbeat('h1')
    outbox.disconnected()
    expect(outbox.answered('h1')).toEqual([])
    outbox.put(result('b'))
    outbox.sent('b')
    outbox.heartbeat('h2')
    expect(ids(outbox.answered('h2'))).toEqual(['b'])
    expect(ids(outbox.all())).toEqual(['a'])
  })

  test('takes nothing from an answer to no heartbeat of its own', () => {
    const outbox = new Outbox()
    outbox.put(result('a'))
    outbox.sent('a')
    expect(outbox.answered('undefined')).toEqual([])
  })
})

describe('text', () => {
  test('is cut between characters, and cleaned of U+0000', () => {
    expect(truncate('abc', 3)).toBe('abc')
    expect(truncate('a\u0000', 5)).toBe('a\ufffd')
    expect(truncate('ab😀', 3)).toBe('ab… [2 characters cut]')
  })
})

describe('faults', () => {
  test.each<[string, unknown, string, string]>([
    ['an error', new TypeError('bad'), 'TypeError', 'bad'],
    ['a text', 'just text', 'Error', 'just text'],
    ['nothing', undefined, 'Error', 'undefined'],
    ['an object', { type: 'Odd' }, 'Odd', '[object Object]'],
  ])('are made of %s', (_, thrown, error_type, error_message) => {
    expect(faultOf(thrown)).toMatchObject({ error_type, error_message })
  })
})

describe('the reference robot’s environment', () => {
  test('has defaults', () => {
    expect(optionsFrom({})).toMatchObject({
      url: 'ws://127.0.0.1:8765',
      id: 'reference-robot',
      name: 'reference-robot',
      environment: 'default',
      maxConcurrentJobs: 2,
      tags: [],
      key: undefined,
      capabilities: { formats: ['workflow'], node_types: expect.arrayContaining(['LogNode', 'CallWorkflowNode']) },
    })
  })

  test('is documented, with its defaults', () => {
    const page = readFileSync(new URL('../../../docs/ROBOTS.md', import.meta.url), 'utf8')
    for (const { variable, fallback } of Object.values(ROBOT_OPTIONS)) {
      const [, shown] = page.split('\n').find((line) => line.startsWith(`| \`${variable}\` |`))?.split('|').slice(1) ??
        []
      expect([variable, shown === undefined]).toEqual([variable, false])
      if (fallback !== '' && fallback !== '.') expect([variable, shown]).toEqual([variable, ` \`${fallback}\` `])
    }
  })

  test('is read', () => {
    const env = { CASARE_ROBOT_TAGS: 'sap, excel,', CASARE_ROBOT_SLOTS: '8', CASARE_ROBOT_KEY: 'crpa_x' }
    expect(optionsFrom(env)).toMatchObject({ tags: ['sap', 'excel'], maxConcurrentJobs: 8, key: 'crpa_x' })
  })

  test.each([
    ['CASARE_ROBOT_SLOTS', '0'],
    ['CASARE_ROBOT_SLOTS', 'two'],
    ['CASARE_ROBOT_URL', 'http://x'],
    ['CASARE_ROBOT_FILES', '/no/such/folder'],
  ])('is refused by name: %s=%s', (name, value) => {
    expect(() => optionsFrom({ [name]: value })).toThrow(name)
  })
})
