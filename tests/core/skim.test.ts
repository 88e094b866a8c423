import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { skim } from '../../core/protocol/skim.ts'

describe('skimming', () => {
  const FIELDS: ReadonlySet<string> = new Set(['a', 'b', 'c'])
  const picked = (value: unknown, names: readonly string[]) =>
    Object.fromEntries(Object.entries(value as object).filter(([name]) => names.includes(name)))

  test('it reads what JSON.parse reads', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'payload', 'type', 'id', '\\u0061', 'x"\\', 'ü')
    const member = fc.tuple(key, fc.json({ maxDepth: 3 }))
    const object = fc.array(member).map((members) =>
      `{${
        members.map(([name, value]) => `${name.startsWith('\\u') ? `"${name}"` : JSON.stringify(name)} : ${value}`)
          .join(' ,\n')
      }}`
    )
    fc.assert(
      fc.property(object, fc.array(fc.tuple(fc.constantFrom('type', 'id', 'x'), object)), (payload, rest) => {
        const text = `{"payload":${payload}${rest.map(([name, value]) => `,"${name}":${value}`).join('')}}`
        const whole = JSON.parse(text) as { payload: object }
        const { json, cut } = skim(text, FIELDS)
        expect(json).toEqual({ ...picked(whole, ['type', 'id']), payload: picked(whole.payload, ['a', 'b', 'c']) })
        expect(cut.size).toBe(0)
      }),
      { numRuns: 500 },
    )
  })

  test('of what is large it keeps the beginning', () => {
    const text = JSON.stringify({ payload: { a: `\u0001${'x'.repeat(99_999)}`, b: Array(50_000).fill(0), c: 1 } })
    const { json, cut } = skim(text, FIELDS)
    expect([...cut]).toEqual(['a', 'b'])
    const { a, b, c } = json['payload'] as Record<string, unknown>
    expect([String(a).length, String(b).length, c]).toEqual([65_530, 65_536, 1])
  })

  test('it never throws, whatever the text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void skim(text, FIELDS)), { numRuns: 2_000 })
    fc.assert(fc.property(fc.json(), fc.nat(200), (json, at) => void skim(`{"payload":${json.slice(0, at)}`, FIELDS)))
  })

  test('a payload with members without end is given up on', () => {
    const text = `{"payload":{${'"x":0,'.repeat(2_000)}"a":1},"id":1}`
    expect(skim(text, FIELDS).json).toEqual({ payload: {} })
  })
})
