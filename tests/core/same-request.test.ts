import { describe, expect, test } from 'vitest'
import { identifyRequest } from '../../core/access/idempotency.ts'
import { canonicalJson } from '../../core/base/canonical.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { parseJson } from '../../core/base/json.ts'
import { duplicateKey } from '../../core/jobs/duplicates.ts'
import { ids } from './bench.ts'

/** Which requests are the same, and which jobs are duplicates. */

const same = (text: string): string => text

describe('an idempotency key', () => {
  const key = (header: string, api = 'k', route = 'jobs', body: unknown = {}): string => {
    const read = identifyRequest(header, { key: ids.key(api), route, body }, same)
    return isRefusal(read) ? read.refused : `${read.key} ${read.fingerprint}`
  }

  test('covers one API key, one route and one text, quoted or not', () => {
    const all = [key('a'), key('b'), key('a', 'other'), key('a', 'k', 'call x'), key('a', 'k', 'jobs', { b: 1 })]
    expect(new Set(all).size).toBe(all.length)
    expect(key('"a"')).toBe(key('a'))
  })

  test.each(['', '""', 'a b', 'é', '\u007f', 'x'.repeat(256)])('%j is none', (header) => {
    expect(key(header)).toBe('INVALID_PAYLOAD')
  })

  test('of the longest length is one', () => expect(key('x'.repeat(255))).not.toBe('INVALID_PAYLOAD'))
})

test('equal JSON is one text, whatever the order of its members and the spelling of its numbers', () => {
  const written = (text: string): string => {
    const parsed = parseJson(text)
    return isRefusal(parsed) ? parsed.refused : canonicalJson(parsed.written)
  }
  expect(written('{"b":[1.0,1e0],"a":{"d":null,"c":"x"}}')).toBe('{"a":{"c":"x","d":null},"b":[1,1]}')
  expect(written('9007199254740992')).not.toBe(written('9007199254740993'))
})

describe('duplicates', () => {
  const job = (id: string | undefined, own: string | null = null, robot: string | null = null, parameters = {}) =>
    duplicateKey(
      { workflow_id: id as never, robot_id: robot as never, parameters },
      own === null ? null : { hash: own },
      same,
    )

  test('have the workflow, the robot and the parameters in common', () => {
    const all = [job('w'), job('v'), job('w', null, 'r'), job('w', null, null, { a: 1 })]
    expect(new Set(all).size).toBe(all.length)
    expect(job('w', null, null, { a: 1, b: 2 })).toBe(job('w', null, null, { b: 2, a: 1 }))
  })

  test('with definitions of their own have the same id, or without one the same text; none is one of a workflow', () => {
    expect(job('w', 'x')).toBe(job('w', 'y'))
    expect(job(undefined, 'x')).toBe(job(undefined, 'x'))
    expect(job(undefined, 'x')).not.toBe(job(undefined, 'y'))
    expect(job('w', 'x')).not.toBe(job('w'))
  })
})
