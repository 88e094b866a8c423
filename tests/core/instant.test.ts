import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { instantText, parseInstant } from '../../core/base/instant.ts'

describe('an instant that somebody writes', () => {
  test.each([
    ['1970-01-01T00:00Z', 0],
    ['2026-02-28T23:59:59.999Z', Date.UTC(2026, 1, 28, 23, 59, 59, 999)],
    ['2024-02-29T00:00:00+14:00', Date.UTC(2024, 1, 28, 10)],
    ['2026-03-01T00:30-00:45', Date.UTC(2026, 2, 1, 1, 15)],
    ['2026-03-01T00:00:00.123456789Z', Date.UTC(2026, 2, 1) + 123],
    ['2026-03-01T00:00:00-00:00', Date.UTC(2026, 2, 1)],
    ['9999-12-31T23:59:59Z', Date.UTC(9999, 11, 31, 23, 59, 59)],
  ])('%s is read', (text, at) => expect(parseInstant(text)).toBe(at))

  test.each([
    '2026-02-30T00:00Z',
    '2026-02-29T00:00Z',
    '1900-02-29T00:00Z',
    '2026-04-31T00:00Z',
    '2026-13-01T00:00Z',
    '2026-00-01T00:00Z',
    '2026-01-00T00:00Z',
    '0000-01-01T00:00Z',
    '2026-01-01T24:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T23:60Z',
    '2016-12-31T23:59:60Z',
    '2026-01-01T00:00+25:00',
    '2026-01-01T00:00+14:01',
    '2026-01-01T00:00-99:99',
    '2026-01-01T00:00+01:60',
    '2026-01-01T00:00',
    '2026-01-01T00:00z',
    '2026-01-01 00:00Z',
    '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00,5Z',
    '2026-1-1T00:00Z',
    '+002026-01-01T00:00Z',
    '20260101T000000Z',
    '',
  ])('%j is none', (text) => expect(parseInstant(text)).toBeNull())

  test('is read as the platform reads it, and what is written of it is the same again', () => {
    const valid = fc.date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    fc.assert(fc.property(valid, (date) => {
      const text = date.toISOString()
      expect(parseInstant(text)).toBe(date.getTime())
      expect(instantText(parseInstant(text) ?? NaN)).toBe(text)
    }))
  })

  test('has each day that the calendar has, and no other', () => {
    const two = fc.integer({ min: 0, max: 99 }).map((number) => String(number).padStart(2, '0'))
    fc.assert(
      fc.property(fc.integer({ min: 1970, max: 9999 }), two, two, (year, month, day) => {
        const date = new Date(Date.UTC(year, Number(month) - 1, Number(day)))
        const real = date.toISOString().startsWith(`${year}-${month}-${day}`)
        expect(parseInstant(`${year}-${month}-${day}T00:00Z`)).toBe(real ? date.getTime() : null)
      }),
      { numRuns: 2_000 },
    )
  })
})
