import { describe } from 'vitest'
import { compilePatterns } from '../../core/base/path-patterns.ts'
import { globChars, isLike } from '../../core/base/glob.ts'
import { growing, step } from './cost.ts'

/** Globs of files, chats and mail, and what is matched against them. */

const LISTS: readonly (readonly string[])[] = [
  ['*-*-*.pdf'],
  [`${'*-'.repeat(99)}x`],
  [`*${'-'.repeat(198)}x`],
  [`*-${'?'.repeat(190)}x`],
  [`*${'[!x]'.repeat(49)}x`],
  [`${'**/'.repeat(60)}x`],
  [`${'**/*-/'.repeat(30)}x`],
  [`*${'{-,--}'.repeat(6)}x`],
  Array.from({ length: 5 }, () => `*${'-'.repeat(190)}x`),
  Array.from({ length: 80 }, (_, i) => `!*-*-*-${i}*-*`),
]
const NAMES: readonly string[] = ['-', '-/', '/', '-x', '.', '\u0301', 'e\u0301/']

describe.each(LISTS)('%s', (...patterns) => {
  for (const part of NAMES) {
    const path = part.repeat(4_096 / part.length)
    step(`and a path of ${JSON.stringify(part)}`, () => compilePatterns(patterns)(path))
  }
})

describe.each([
  '{a,b}'.repeat(40),
  '{'.repeat(200),
  '{a,{'.repeat(50),
  '{1..999999999}',
  '[[a-'.repeat(50),
  '\\'.repeat(200),
])(
  'the braces of %s',
  (pattern) => step('are counted', () => globChars(Array.from({ length: 100 }, () => pattern))),
)

describe.each([
  `${'*a'.repeat(249)}*b`,
  `*${'a'.repeat(498)}b*`,
  `*b${'a'.repeat(498)}*`,
  `*${'ab'.repeat(249)}b`,
  `*${'a*'.repeat(200)}`,
])('a message that has to look like %s', (pattern) => {
  for (const part of ['a', 'ab', 'ba', '\u0130']) {
    growing(`and is made of ${part}`, (chars) => part.repeat(chars / part.length), (text) => [
      isLike(text, pattern, true),
      isLike(text, pattern, false),
    ])
  }
})
