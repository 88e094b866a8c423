import { delimiter, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { readOptions } from '../../adapters/node/options.ts'

const roots = (args: readonly string[], set?: string): readonly string[] =>
  readOptions(args, { CASARE_WATCH_ROOTS: set }).watchRoots

test('folders that may be watched: each with a flag of its own, or all in the environment as in PATH', () => {
  expect(roots([])).toEqual([])
  expect(roots(['--watch-root', '/a', '--watch-root=b'])).toEqual([resolve('/a'), resolve('b')])
  expect(roots([], ['/a', '', '/b'].join(delimiter))).toEqual([resolve('/a'), resolve('/b')])
  expect(roots(['--watch-root', '/c'], '/a')).toEqual([resolve('/c')])
  // An empty one would be the folder that the process is in.
  expect(() => roots(['--watch-root', ''])).toThrow('--watch-root must be a folder, not ""')
})
