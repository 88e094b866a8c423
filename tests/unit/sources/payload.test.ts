import { describe, expect, test } from 'vitest'
import { filePayload } from '../../../adapters/sources/file-payload.ts'
import { compilePatterns, withForwardSlashes } from '../../../core/base/path-patterns.ts'

describe('the payload', () => {
  const at = '2026-01-05T09:00:00.000Z'
  test.each([
    ['/in/a.pdf', 'a.pdf', '/in'],
    ['/a.pdf', 'a.pdf', '/'],
    ['C:\\in\\a.pdf', 'a.pdf', 'C:\\in'],
    ['a.pdf', 'a.pdf', ''],
    ['in\\a.pdf', 'a.pdf', 'in'],
    ['\\\\server\\share\\a.pdf', 'a.pdf', '\\\\server\\share'],
    ['/in/a\\b.txt', 'a\\b.txt', '/in'],
    ['/a\\b.txt', 'a\\b.txt', '/'],
  ])('%s', (path, file_name, file_dir) => {
    expect(filePayload({ type: 'created', path, at, source: null, size: 7 }))
      .toEqual({ file_path: path, file_name, file_dir, event_type: 'created', timestamp: at, size: 7 })
  })

  test('of a file that was moved, and of one that is gone', () => {
    expect(filePayload({ type: 'moved', path: '/b', at, source: '/a', size: 7 })).toMatchObject({ src_path: '/a' })
    expect(filePayload({ type: 'deleted', path: '/b', at, source: null, size: null })).not.toHaveProperty('size')
  })
})

describe('patterns', () => {
  test.each<[readonly string[], string, boolean]>([
    [['*'], 'a.pdf', true],
    [['*'], 'in/a.pdf', true],
    [['*'], '.hidden', false],
    [['.*'], '.hidden', true],
    [['*.pdf'], 'deep/in/a.pdf', true],
    [['*.pdf'], 'a.PDF', false],
    [['*.{pdf,PDF}'], 'a.PDF', true],
    [['in/*.csv'], 'in/a.csv', true],
    [['in/*.csv'], 'in/deep/a.csv', false],
    [['in/**/*.csv'], 'in/deep/a.csv', true],
    [['in/**/*.csv'], 'other/in/a.csv', false],
    [['**/in/*.csv'], 'C:\\other\\in\\a.csv', true],
    [['*', '!*.tmp'], 'a.tmp', false],
    [['!*.tmp'], 'a.txt', true],
    [['!*.tmp'], 'deep/a.tmp', false],
    [['.*', '!.x*'], '.xyz', false],
    [['[ab]?.txt'], 'b1.txt', true],
    [['a(1).txt'], 'a(1).txt', true],
    [['b.txt'], '/in/a\\b.txt', false],
    [['a*.txt'], '/in/a\\b.txt', true],
    [['a\\\\b.txt'], '/in/a\\b.txt', true],
    [['caf\u00e9.txt'], 'in/cafe\u0301.txt', true],
    [['cafe\u0301/*.txt'], 'caf\u00e9/a.txt', true],
    [['caf?.txt'], 'cafe\u0301.txt', true],
    [['*', '!\u00fc*'], 'u\u0308ber.txt', false],
  ])('%j: %s %s', (patterns, path, chosen) => {
    expect(compilePatterns(patterns)(withForwardSlashes(path))).toBe(chosen)
  })
})
