import fc from 'fast-check'
import { jsonpath } from 'json-p3'
import { describe, expect, test } from 'vitest'
import { Budget } from '../../core/triggers/budget.ts'
import type { JsonText } from '../../core/base/ids.ts'
import { pathOf } from '../../core/triggers/json-path.ts'
import { parametersOf, passesFilter, selectionProblem } from '../../core/triggers/selection.ts'
import type { Json, JsonObject } from '../../core/base/json.ts'

describe('paths', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'length', '0', '__proto__')
  const { json } = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<Json>(null, true, false, 0, 1, -1, 2.5, '', 'a', 'ab', 'b'),
      fc.array(tie('json'), { maxLength: 4 }),
      fc.array(fc.tuple(key, tie('json')), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
    ),
  }))
  const QUERIES = [
    '$',
    '$.a',
    '$..a',
    '$..*',
    '$..a..b',
    '$.*.a[*]',
    "$['a','b',0,-1,0]",
    '$..[0]',
    '$..[-2]',
    '$..[1:]',
    '$..[:-1]',
    '$..[::2]',
    '$..[::-1]',
    '$..[3:0:-2]',
    '$..[-1:-3:-1]',
    '$..[0:9:0]',
    '$[?@.a]',
    '$..[?@.a || !@.b && @.c]',
    '$..[?@ == 1]',
    '$..[?@.a == @.b]',
    '$..[?@.a != $.a]',
    '$..[?@.a <= @.b]',
    '$..[?@ >= "a"]',
    '$..[?@ < 2]',
    '$..[?@.a > null]',
    '$..[?length(@) >= 2]',
    '$..[?length(@.a) == count(@.*)]',
    '$..[?count(@..*) > 3]',
    '$..[?value(@..a) == 1]',
    '$..[?@.*[?@ == 1]]',
    '$..[?(@.a == 1 || @.b == 2) && !(@.c)]',
  ]

  test.each(QUERIES)('%s finds what json-p3 finds', (text) => {
    const path = pathOf(text)
    fc.assert(fc.property(json, (value) => {
      // To json-p3 an empty list equals an empty object.
      const written = JSON.stringify(value)
      fc.pre(!(written.includes('[]') && written.includes('{}')))
      const twin = jsonpath.query(text, value as never).values()
      expect(path.find(value, new Budget())).toEqual(twin)
    }))
  })

  test('what json-p3 takes for a list or a text is none', () => {
    const find = (text: string, value: Json) => pathOf(text).find(value, new Budget())
    expect(find('$[?@ == $[0]]', [[], {}, []])).toEqual([[], []])
    expect(find('$[?match(@, "a.?")]', ['ab', ['a'], 'b', 'ba', 'a'])).toEqual(['ab', 'a'])
    expect(find('$[?search(@.a, "b$")]', [{ a: 'ab' }, { a: ['b'] }, { a: 'ba' }])).toEqual([{ a: 'ab' }])
    expect(find('$[?!match(@, "(")]', ['('])).toEqual(['('])
  })

  test.each([
    '$..[?@..a == true]',
    '$..[?match(@.a, @.b)]',
    `$[?${'('.repeat(50)}@.a${')'.repeat(50)}]`,
    `$[?${'!'.repeat(50)}@.a]`,
    `$${'[?@'.repeat(300)}${']'.repeat(300)}`,
  ])('%s is none', (text) => {
    expect(() => pathOf(text)).toThrow()
  })
})

describe('what it costs', () => {
  let deep: Json = 'x'.repeat(1_000)
  for (let i = 0; i < 55; i++) deep = { a: deep, b: [i] }
  const wide = { a: Array.from({ length: 90_000 }, () => ({})) }
  const list = { a: Array.from({ length: 900 }, (_, i) => i) }
  const event = (payload: Json): JsonObject => ({ payload, metadata: {} })

  test.each<[string, JsonObject, string]>([
    ['one descent into another', event(deep as never), '@..a..a..a..a..a == 1'.replace(' == 1', '')],
    ['every value compared with every other', event(list), '@.payload.a[?count($[0].payload.a[?@ < 0]) > 0]'],
    ['two descents through what is large', event(wide), '@..x || @..y || @..z'],
    ['every value with every one', event(list), '@.payload.a[?count($..*) == 1]'],
  ])('a filter with %s is refused', (_what, given, filter) => {
    expect(selectionProblem({ filter, mapping: null })).toBeNull()
    expect(passesFilter(filter, given)).toMatchObject({ refused: 'PAYLOAD_TOO_LARGE', details: { fields: ['filter'] } })
  })

  test('a mapping that picks the same again and again is refused, and so is one that looks too often', () => {
    const own = '{}' as JsonText
    const large = event(JSON.parse(`${'{"a":'.repeat(55)}"${'x'.repeat(100_000)}"${'}'.repeat(55)}`))
    const mapping = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`p${i}`, '$..a']))
    expect(parametersOf(own, mapping, large)).toMatchObject({
      refused: 'PAYLOAD_TOO_LARGE',
      details: { fields: ['mapping.p0'], max_chars: 1 << 20 },
    })
    expect(parametersOf(own, { it: '$..a..a..a..a..a' }, large)).toMatchObject({ details: { fields: ['mapping.it'] } })
  })

  test('filter and mapping spend of one budget', () => {
    const budget = new Budget()
    expect(passesFilter('@.payload..a', event(wide), budget)).toBe(true)
    expect(parametersOf('{}' as JsonText, { it: '$..c' }, event(wide), budget)).toMatchObject({
      refused: 'PAYLOAD_TOO_LARGE',
    })
  })

  test('as many values as a payload may have can be picked', () => {
    const all = event(Array<Json>(90_000).fill(7) as never)
    const text = parametersOf('{"own":1.0}' as JsonText, { it: '$.payload[*]' }, all)
    expect(text).toBe(`{"own":1.0,"it":[${Array(90_000).fill(7).join(',')}]}`)
  })
})
