import { describe, expect, test } from 'vitest'
import type { JsonText } from '../../core/base/ids.ts'
import { safeRegExp } from '../../core/base/pattern.ts'
import { parametersOf, passesFilter, selectionProblem } from '../../core/triggers/selection.ts'
import type { Json, JsonObject } from '../../core/base/json.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { step } from './cost.ts'

/** One event costs at most one step, for any payload and any trigger. */

function nested(levels: number, within: Json): Json {
  let value = within
  for (let i = 0; i < levels; i++) value = { a: value, b: [i, 'x'] }
  return value
}

const PAYLOADS: readonly [string, Json][] = [
  ['deep', nested(55, 'x'.repeat(900_000))],
  ['wide', Array.from({ length: 45_000 }, (_, i) => ({ a: i }))],
  ['a list', Array.from({ length: 90_000 }, (_, i) => i)],
  ['texts', Array.from({ length: 1_000 }, () => 'x'.repeat(1_000))],
  ['a text', 'a'.repeat(1_000_000)],
  ['numbers', Array.from({ length: 10_000 }, (_, i) => `\u0000${'1'.repeat(90)}.${i}`)],
  ['like objects', Array.from({ length: 3_000 }, () => ({ a: { b: [1, 2, 3, 'x'] } }))],
]

const PATHS = [
  '$..a..a..a..a..a',
  '$..*..*..*..*',
  '$..[::-1]..[0:99999]',
  "$..['a','b','a','b','a','b','a','b','a','b','a','b','a','b']",
  '$..[?@ == $.payload[0]]',
  '$..[?@ < $.payload[0] && @ >= $.payload[1]]',
  '$.payload[?count($.payload[?@ == 1]) > 0]',
  '$.payload[?@..a]',
  "$..[?search(@, '(x+x+)+y')]",
  "$..[?match(@, '(a|aa)+b')]",
  "$..[?search(@, 'a[ab]{300}$')]",
  '$..[?length(@) == length($.payload)]',
  `$.payload${'[?@'.repeat(30)}${']'.repeat(30)}`,
  `$.payload[?${'@.a == 1 || '.repeat(120)}@.a == 2]`,
]

describe.each(PAYLOADS)('of %s', (_name, value) => {
  const event = { payload: value, metadata: {} } as JsonObject
  for (const path of PATHS) {
    step(`a mapping by ${path}`, () => parametersOf('{}' as JsonText, { a: path, b: path, c: path }, event))
  }
  step('filters', () => passesFilter('@..a || @..b || @.payload[?@ == 1] || count(@..*) > 5', event))
})

test('every one of these paths is one', () => {
  for (const path of PATHS) expect(selectionProblem({ filter: null, mapping: { path } })).toBeNull()
})

const PATTERNS = [
  'a{1000}'.repeat(140),
  '((a{10}){10}){10}'.repeat(50),
  `(${'abcdefghij'.repeat(90)}){1000}`,
  '('.repeat(500),
  '['.repeat(1_000),
  '\\pL{1000}'.repeat(100),
  '(?i)(a|b|[^c]){30}{30}',
]
describe('to read the pattern', () => {
  for (const [i, pattern] of PATTERNS.entries()) {
    let count = 0
    step(pattern.slice(0, 30), () => safeRegExp(`${pattern}${' '.repeat(i + count++)}`, 'pattern'))
  }
})

describe('to look for the pattern in a text of a form', () => {
  for (const pattern of ['(a+)+$', '(?:[a-z]{1,20}\\s?){1,20}$', '(a|b|ab)*c', '^(\\w+\\s?)*$', 'a.*b.*c.*d']) {
    const read = safeRegExp(pattern, 'pattern')
    const text = `${'ab'.repeat(32_000)}!`
    step(pattern, () => !isRefusal(read) && [read.find(text), read.matches(text)])
  }
})
