import { TrieRouter } from 'hono/router/trie-router'
import { expect, test } from 'vitest'
import { FixedPaths } from '../../../adapters/http/kit/fixed-paths.ts'

/** Fixed paths are found in memory, and as the router below finds them. */

const ROUTES = [
  ['ALL', '*'],
  ['ALL', '/api/*'],
  ['POST', '/api/jobs'],
  ['GET', '/api/jobs'],
  ['POST', '/api/jobs/batch'],
  ['GET', '/api/jobs/:id'],
  ['POST', '/api/jobs/:id/cancel'],
  ['POST', '/api/jobs'],
  ['GET', '/form/:name?'],
  ['GET', '/'],
] as const

const PATHS = [
  '/',
  '/api',
  '/api/jobs',
  '/api/jobs/',
  '/api/jobs/batch',
  '/api/jobs/x',
  '/api/jobs/x/cancel',
  '/form',
  '/none',
]

test('every path and method has the matches that the router below has, the first time and later', () => {
  const [fixed, below] = [new FixedPaths<string>(), new TrieRouter<string>()]
  for (const [i, [method, path]] of ROUTES.entries()) {
    for (const router of [fixed, below]) router.add(method, path, `${i} ${method} ${path}`)
  }
  for (const path of [...PATHS, ...PATHS]) {
    for (const method of ['GET', 'POST', 'DELETE', ...Array.from({ length: 20 }, (_, n) => `MADE-UP-${n}`)]) {
      expect(fixed.match(method, path), `${method} ${path}`).toEqual(below.match(method, path))
    }
  }
  expect(fixed.match('POST', '/api/jobs')).toBe(fixed.match('POST', '/api/jobs'))
})
