import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ExactNumber, parseExact, parseWritten, stringifyExact } from '../../core/base/exact.ts'
import { compareNumbers } from '../../core/base/number.ts'
import { jsonText, numeral } from './numerals.ts'

describe('JSON for programs', () => {
  test('numbers that a double has are numbers, and all others are exact', () => {
    expect(parseExact('[1.0,9007199254740993,-12345678901234567890,1e400,0.1,1e2]')).toEqual([
      1,
      9007199254740993n,
      -12345678901234567890n,
      new ExactNumber('1e400'),
      0.1,
      100,
    ])
    expect(stringifyExact({ a: 9007199254740993n, b: [new ExactNumber('1e400')], at: new Date(0) }))
      .toBe('{"a":9007199254740993,"b":[1e400],"at":"1970-01-01T00:00:00.000Z"}')
    expect(() => new ExactNumber('01')).toThrow('01 is not a JSON number')
  })

  test('a text is never taken for a number, whatever it begins with', () => {
    expect(stringifyExact({ a: '\u00001', '\u00002': 3n, b: '\0' })).toBe(
      '{"a":"\\u0000\\u00001","\\u00002":3,"b":"\\u0000"}',
    )
  })

  test('what is to be written again is written as it was', () => {
    fc.assert(fc.property(jsonText, (text) => void expect(stringifyExact(parseWritten(text))).toBe(text)))
  })

  test('no value changes on the way through', () => {
    fc.assert(fc.property(numeral, (token) => {
      expect(compareNumbers(stringifyExact(parseExact(token)), token)).toBe(0)
    }))
  })
})
