import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readSettings } from '../../../adapters/fleet/settings.ts'
import { DEFAULTS } from '../../../core/settings.ts'

describe('settings', () => {
  test('those that the manual shows are the defaults', () => {
    const manual = readFileSync(new URL('../../../docs/API.md', import.meta.url), 'utf8')
    const shown = /## Settings[\s\S]*?```json\n([\s\S]*?)```/.exec(manual)?.[1] ?? ''
    expect(readSettings(shown)).toEqual(DEFAULTS)
  })

  test('what is set goes over the defaults, seconds as milliseconds', () => {
    const settings = readSettings('{"offer_seconds":1.5,"strategy":"random","live_jobs_max":7,"backoff_seconds_max":9}')
    expect(settings).toEqual({ ...DEFAULTS, offerMs: 1_500, strategy: 'random', liveJobsMax: 7, backoffMsMax: 9_000 })
  })

  test('an editor may be told of their schema', () => {
    expect(readSettings('{"$schema":"./settings.schema.json","offer_seconds":1}')).toEqual({
      ...DEFAULTS,
      offerMs: 1_000,
    })
    expect(readSettings('{"$schema":7}')).toContain('$schema')
  })

  test.each([
    ['{"cors_origins":["*"]}', 'cors_origins.0'],
    ['{"cors_origins":["https://app.example.com/"]}', 'must be an origin'],
    ['{', 'not valid JSON'],
    ['[]', 'it must be a JSON object'],
    ['{"ofer_seconds":1}', 'Unknown field ofer_seconds; did you mean offer_seconds?'],
    ['{"offer_seconds":"1"}', 'Field offer_seconds: must be a number'],
    ['{"offer_seconds":0}', 'offer_seconds'],
    ['{"strategy":"fastest"}', 'strategy'],
    ['{"lease_seconds":10}', 'lease_seconds must be longer'],
    ['{"backoff_seconds":400}', 'backoff_seconds_max'],
  ])('%s is refused', (text, words) => {
    expect(readSettings(text)).toContain(words)
  })
})
