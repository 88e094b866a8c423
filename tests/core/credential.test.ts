import { describe, expect, test } from 'vitest'
import { withoutSecrets } from '../../core/base/text.ts'
import { problemWithKeyName } from '../../core/records/key.ts'

/** Names of keys, and refusals about keys. */

describe('the name of a key', () => {
  test.each([
    'orchestrator',
    'Orchestrator',
    'system',
    'engine',
    'robot:r1',
    'Robot:r1',
    'robot :r1',
    'trigger:invoices',
    'schedule:nightly',
    'orches\u200btrator',
    'ｓｙｓｔｅｍ',
    '\u202esystem',
    'robot:\nr1',
  ])('%j stands for the orchestrator', (name) => {
    expect(problemWithKeyName(name)).toContain('must not stand for the orchestrator')
  })

  test.each(['admin', 'robot', 'robot 1', 'invoices: robot', 'system of record', 'orchestrator-admin', 'triggers'])(
    '%j does not',
    (name) => {
      expect(problemWithKeyName(name)).toBeNull()
    },
  )
})

describe('what is logged', () => {
  test.each([
    ['GET /ws?api_key=abc HTTP/1.1', 'GET /ws?api_key=*** HTTP/1.1'],
    ['"url":"ws://h:1/?x=1&api_key=crpa_abc"', '"url":"ws://h:1/?x=1&api_key=***"'],
    ['https://h/hook?token=t&event=e#part', 'https://h/hook?token=***&event=e#part'],
    ['/in?X-Webhook-Secret=s', '/in?X-Webhook-Secret=***'],
    ['/form/f?done=receipt', '/form/f?done=***'],
    ['a key crpa_0123456789-_ in the middle', 'a key crpa_*** in the middle'],
    ['/api/v1/jobs?limit=5&cursor=abc', '/api/v1/jobs?limit=5&cursor=abc'],
  ])('%s', (text, logged) => {
    expect(withoutSecrets(text)).toBe(logged)
  })

  test.each([
    ['many parameters', '?a=b&'.repeat(50_000)],
    ['one long name', `?${'key-'.repeat(50_000)}`],
    ['many beginnings of keys', 'crpa_'.repeat(50_000)],
    ['many marks', '?&'.repeat(100_000)],
  ])('takes time in proportion to its length: %s', (_what, text) => {
    const took = (length: number): number => {
      const began = performance.now()
      withoutSecrets(text.slice(0, length))
      return performance.now() - began
    }
    took(text.length)
    // A square would be sixteen times as much.
    expect(took(text.length)).toBeLessThan(200)
  })
})
