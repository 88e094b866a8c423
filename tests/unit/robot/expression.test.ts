import { describe, expect, test } from 'vitest'
import { ExactNumber } from '../../../core/base/exact.ts'
import { evaluate } from '../../../robot/expression.ts'
import { Variables } from '../../../robot/variables.ts'

const names: Readonly<Record<string, unknown>> = {
  a: 1,
  b: 2,
  zero: 0,
  name: 'Ada',
  items: [3, 1, 2],
  row: { amount: '120.50', status: 'paid', tags: ['x'] },
  none: null,
}
const huge = new ExactNumber('1e400')
const exact: Readonly<Record<string, unknown>> = {
  id: 9007199254740993n,
  huge,
  fine: new ExactNumber('1.000000000000000001'),
}
const lookup = (name: string) => names[name]

describe('numbers beyond a double', () => {
  const of = (text: string) => evaluate(text, (name) => exact[name] ?? names[name])

  test.each<[string, unknown]>([
    ['id == 9007199254740992', false],
    ['id > 9007199254740992 and id != 9007199254740992', true],
    ["id == int('9007199254740993')", true],
    ['id - 1', 9007199254740992],
    ['id + 1', 9007199254740994],
    ['id * 2 + 1', 18014398509481987n],
    ['9007199254740992 + 1', 9007199254740993n],
    ['-id', -9007199254740993n],
    ['id // 2', 4503599627370496],
    ['-id // 2', -4503599627370497],
    ['-id % 10', 7],
    ['2 ** 64 + 1', 18446744073709551617n],
    ['2 ** (-1)', 0.5],
    ['0.1 + 0.2', 0.1 + 0.2],
    ['str(id) + str(huge)', '90071992547409931e400'],
    ['huge > id > 1', true],
    ['fine > 1 and fine < 2', true],
    ['max(id, huge) == huge', true],
    ['id in [1, id]', true],
    ['sum([id, 1])', 9007199254740994],
    ["'yes' if huge else 'no'", 'yes'],
  ])('%s is exact', (text, expected) => {
    expect(of(text)).toEqual(expected)
  })

  test.each([
    ['id / 2', 'would be rounded'],
    ['id + 0.5', 'would be rounded'],
    ['huge + 1', '1e400 has more digits'],
    ['round(fine)', '1.000000000000000001 has more digits'],
    ['float(id)', '9007199254740993 has more digits'],
    ['id == 9007199254740993', "9007199254740993 has more digits than can be kept here; int('…')"],
    ['10 ** 100000', 'too many digits'],
    ['huge.text', 'a number has no text'],
    ['len(huge)', 'has no members'],
  ])('%s is refused', (text, words) => {
    expect(() => of(text)).toThrow(words)
  })
})

describe('expressions', () => {
  test.each<[string, unknown]>([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['-2 ** 2', -4],
    ['2 ** 3 ** 2', 512],
    ['7 // 2', 3],
    ['-7 // 2', -4],
    ['-7 % 3', 2],
    ['\'a\' + "b"', 'ab'],
    ['[1] + [2]', [1, 2]],
    ['not a == b', true],
    ['not a == b and zero', 0],
    ['a and not zero or 5', true],
    ['1 < b < 3', true],
    ['3 > b > 2', false],
    ["row.status == 'paid' and float(row.amount) >= 100", true],
    ["row['status']", 'paid'],
    ['row.missing', null],
    ['row.missing is None', true],
    ['none is not None', false],
    ['items[0] + items[-1]', 5],
    ["'d' in name and 'x' not in row.tags", false],
    ["'status' in row", true],
    ['2 in items', true],
    ["'big' if a > 1 else 'small'", 'small'],
    ['len(items) + len(name) + len(row)', 9],
    ['sum(items) / max(items)', 2],
    ['sorted(items)', [1, 2, 3]],
    ['round(10 / 3, 2)', 3.33],
    ["int('42') + int(3.9)", 45],
    ['str(a) + upper(name)', '1ADA'],
    ['True == true', true],
    ["'1' == 1", false],
    ['[1, [2]] == [1, [2]]', true],
    ['min(3, 1, 2)', 1],
    ['any([zero, a]) and all([])', true],
  ])('%s', (text, expected) => {
    expect(evaluate(text, lookup)).toEqual(expected)
  })

  test.each([
    ['', 'empty'],
    ['a b', 'Unexpected token'],
    ['a = 1', 'Unexpected token'],
    ['unknown > 1', 'unknown is not defined'],
    ['1 / zero', 'division by zero'],
    ['row.amount > 100', 'float(…) makes a number of a text'],
    ['name + 1', 'cannot be added'],
    ["'9' * 2", 'is not a number'],
    ['name.upper()', 'only these functions'],
    ['eval("1")', 'only these functions'],
    ['a.constructor', 'has no constructor'],
    ["float('x')", 'x is not a number'],
    ['a and', 'Unexpected'],
    ["'open", 'Bad string'],
    [`${'('.repeat(60)}1`, 'Unclosed'],
    ['1 +'.repeat(1_000), 'longer than'],
  ])('%s is refused', (text, why) => {
    expect(() => evaluate(text, lookup)).toThrow(expect.objectContaining({ type: 'ExpressionError' }))
    expect(() => evaluate(text, lookup)).toThrow(why)
  })

  test('reach nothing that an object inherits', () => {
    for (const key of ['constructor', '__proto__', 'toString']) {
      expect(evaluate(`row.${key}`, lookup)).toBeNull()
      expect(evaluate(`'${key}' in row`, lookup)).toBe(false)
    }
    expect(() => evaluate('constructor', () => undefined)).toThrow('constructor is not defined')
  })
})

describe('templates', () => {
  const missing: string[] = []
  const variables = new Variables({}, names, (path) => missing.push(path))

  test.each<[unknown, unknown]>([
    ['{{a}}', 1],
    [' {{ row }} ', names['row']],
    ['{{row.tags[0]}}', 'x'],
    ["{{row['status']}}", 'paid'],
    ['{{a}}-{{ name }}', '1-Ada'],
    ['{{items}} {{none}}|', '[3,1,2] |'],
    [{ deep: ['{{b}}', 5] }, { deep: [2, 5] }],
    ['{{gone}} {{row.gone}}', '{{gone}} {{row.gone}}'],
    ['{{row.constructor}}', '{{row.constructor}}'],
    ['{not} {{}}', '{not} {{}}'],
    [7, 7],
  ])('%j', (template, expected) => {
    expect(variables.fill(template)).toEqual(expected)
  })

  test('that have no value are told', () => {
    expect(missing).toContain('gone')
  })

  test('in an expression are values, and never text that is read as code', () => {
    const evil = new Variables({}, { x: "' or True or '" }, () => {})
    expect(evil.evaluate("{{x}} == 'no'")).toBe(false)
    expect(variables.evaluate('{{row.amount}} == "120.50" and {{ a }} < b')).toBe(true)
  })
})
