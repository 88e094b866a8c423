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

test('origins: each with a flag of its own, or all in the environment with commas between', () => {
  const origins = (args: readonly string[], set?: string): readonly string[] =>
    readOptions(args, { CASARE_ALLOWED_ORIGINS: set }).allowedOrigins
  expect(origins([])).toEqual([])
  const both = ['https://a.example', 'http://b:8766']
  expect(origins(['--allowed-origin', both[0] ?? '', `--allowed-origin=${both[1]}`])).toEqual(both)
  expect(origins([], 'https://a.example, http://b:8766')).toEqual(both)
  expect(() => origins(['--allowed-origin', 'a.example'])).toThrow('--allowed-origin must be an origin')
  expect(() => origins([], 'https://a.example/')).toThrow('CASARE_ALLOWED_ORIGINS must be an origin')
})
