import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cut } from '../../core/base/text.ts'

/** Texts are cut between characters, as people see them. */

test.each([
  ['short', 10, 'short'],
  ['exact', 5, 'exact'],
  ['plain text', 5, 'plain'],
  ['', 0, ''],
  ['a🤖', 2, 'a'],
  ['a🤖', 3, 'a🤖'],
  ['ab👩‍👩‍👧c', 5, 'ab'],
  ['ab👩‍👩‍👧c', 10, 'ab👩‍👩‍👧'],
  ['x👍🏽y', 3, 'x'],
  ['🇩🇪🇫🇷', 6, '🇩🇪'],
  ['e\u0301e\u0301', 3, 'e\u0301'],
  ['a1\ufe0f\u20e32', 3, 'a'],
  ['Jürgen', 2, 'Jü'],
  ['a\ud83e', 1, 'a'],
  ['a\ud83eb', 2, 'a\ufffd'],
])('%j in %i', (text, charsMax, wanted) => {
  expect(cut(text, charsMax)).toBe(wanted)
  expect(cut(text, charsMax).length).toBeLessThanOrEqual(charsMax)
})

test('what is joined without end is cut between code points, and is not lost', () => {
  const zalgo = `a${'\u0301'.repeat(1_000)}`
  expect(cut(zalgo, 500)).toHaveLength(500)
  expect(cut('👩\u200d'.repeat(1_000), 500).length).toBeGreaterThan(430)
})

test('it is a beginning, well-formed, and no longer than it may be', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.nat(80), (text, charsMax) => {
    const short = cut(text, charsMax)
    expect(short.length).toBeLessThanOrEqual(charsMax)
    expect(text.startsWith(short)).toBe(true)
    expect(short.isWellFormed()).toBe(true)
    if (short.length < text.length) {
      const next = [...new Intl.Segmenter().segment(text.slice(short.length))][0]?.segment ?? ''
      expect(short.length + next.length).toBeGreaterThan(charsMax)
    }
  }))
})
