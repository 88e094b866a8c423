import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { globChars, globOf, isLike } from '../../core/base/glob.ts'

describe('globs of paths', () => {
  test.each<[string, string, boolean]>([
    ['*-*-*.pdf', 'a-b-c.pdf', true],
    ['*-*-*.pdf', 'a-b.pdf', false],
    ['a**b', 'axxb', true],
    ['a/**', 'a', false],
    ['a/**', 'a/b/c', true],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/x/y/b', true],
    ['**/b', 'b', true],
    ['**/b/**/c', 'a/b/x/b/y/c', true],
    ['**/b/**/c', 'a/c/x/b', false],
    ['**/*.csv', '.git/a.csv', false],
    ['.git/*.csv', '.git/a.csv', true],
    ['/in/*', '/in/a', true],
    ['in/*', '/in/a', false],
    ['{a,b}{c,d}', 'bd', true],
    ['{a,b/{c,d}}.txt', 'b/d.txt', true],
    ['{a,}b', 'b', true],
    ['{a}', '{a}', true],
    ['{a', '{a', true],
    ['r{1..3}', 'r2', true],
    ['r{1..3}', 'r4', false],
    ['[a-c][!a-c]', 'cd', true],
    ['[a-c][^a-c]', 'cc', false],
    ['[]x]', ']', true],
    ['[a', '[a', true],
    ['[\\]]', ']', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['\\{a,b\\}', '{a,b}', true],
    ['a\\', 'a\\', true],
    ['?', '\u{1f600}', true],
    ['+(a).txt', '+(a).txt', true],
    ['a.c', 'abc', false],
  ])('%s %s: %s', (pattern, path, is) => {
    expect(globOf(pattern)(path)).toBe(is)
  })

  test('with dots where that is asked for', () => {
    expect(globOf('*', true)('.x')).toBe(true)
    expect(globOf('**/x', true)('.git/x')).toBe(true)
  })

  test('mean what a regular expression does that tries every way', () => {
    const parts = ['*', '?', 'a', 'b', '[ab]', '[!a]', '{a,bb}', '{b*,?a}']
    const pattern = fc.array(fc.constantFrom(...parts), { maxLength: 7 }).map((list) => list.join(''))
    const name = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 }).map((list) => list.join(''))
    fc.assert(
      fc.property(pattern, name, (glob, given) => {
        const slow = glob.replaceAll('?', '.').replaceAll('*', '.*').replaceAll('[!', '[^')
          .replaceAll('{', '(').replaceAll('}', ')').replaceAll(',', '|')
        expect(globOf(glob)(given)).toBe(new RegExp(`^${slow}$`).test(given))
      }),
      { numRuns: 3_000 },
    )
  })

  test('folders too', () => {
    const segment = fc.constantFrom('**', '*', 'a', 'b', 'a*')
    const pattern = fc.array(segment, { minLength: 2, maxLength: 6 })
    const path = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 7 })
    fc.assert(
      fc.property(pattern, path, (segments, names) => {
        const slow = segments.map((one, at) => {
          const isLast = at === segments.length - 1
          if (one === '**') return isLast ? '[^/]+(/[^/]+)*' : '([^/]+/)*'
          return one.replaceAll('*', '[^/]*') + (isLast ? '' : '/')
        })
        const given = names.join('/')
        expect(globOf(segments.join('/'))(given)).toBe(new RegExp(`^${slow.join('')}$`).test(given))
      }),
      { numRuns: 3_000 },
    )
  })

  test('their braces are counted before they are written out', () => {
    expect(globChars(['*.{pdf,PDF}', 'x'])).toBe(11)
    expect(globChars(['{a,b}'.repeat(40)])).toBeNull()
    expect(globChars(['{1..999999999}'])).toBeNull()
    expect(globChars(['{'.repeat(200)])).toBe(200)
  })
})

test('a text has a pattern in it, or is like it as a whole', () => {
  expect(isLike('Your Invoice is due', 'invoice*due', false)).toBe(true)
  expect(isLike('Your Invoice is due', 'invoice*due', true)).toBe(false)
  expect(isLike('due: invoice', 'invoice*due', false)).toBe(false)
  expect(isLike('aab', 'ab', false)).toBe(true)
  expect(isLike('', '', false)).toBe(true)
})
