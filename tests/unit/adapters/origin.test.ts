import { expect, test } from 'vitest'
import { foreignPage, isOrigin, reboundPage, robotPageRefused } from '../../../adapters/net/origin.ts'

/** Pages that may make a browser send requests. */

const ALLOWED = ['https://portal.example.com', 'http://casare.intranet:8766']

test.each<[string | null, string | null, string | null, boolean]>([
  // Programs say nothing of a page.
  [null, null, 'here:8766', true],
  [null, null, null, true],
  ['http://127.0.0.1:8766', null, '127.0.0.1:8766', true],
  ['http://127.0.0.1', null, '127.0.0.1:80', true],
  ['https://casare.example.com', null, 'casare.example.com', true],
  ['https://casare.example.com', null, 'casare.example.com:443', true],
  ['http://[::1]:8766', null, '[::1]:8766', true],
  ['https://portal.example.com', 'cross-site', 'casare.example.com', true],
  // The browser knows better than we who stand behind a proxy.
  ['https://casare.example.com', 'same-origin', '10.0.0.5:8766', true],
  [null, 'none', 'casare.example.com', true],
  ['http://evil.example', null, '127.0.0.1:8766', false],
  ['http://127.0.0.1:3000', null, '127.0.0.1:8766', false],
  ['http://localhost:8766', null, '127.0.0.1:8766', false],
  ['null', null, '127.0.0.1:8766', false],
  ['null', 'cross-site', '127.0.0.1:8766', false],
  ['', null, '127.0.0.1:8766', false],
  [null, 'cross-site', '127.0.0.1:8766', false],
  ['https://other.example.com', 'same-site', 'casare.example.com', false],
  ['https://casare.example.com', 'cross-site', 'casare.example.com', false],
  ['https://casare.example.com.evil.example', null, 'casare.example.com', false],
  ['http://127.0.0.1:8766', null, null, false],
])('a page of %s, %s to %s, may ask: %s', (origin, site, host, may) => {
  expect(foreignPage({ origin, site, host }, ALLOWED) === null).toBe(may)
})

test.each<[string | null, string | null, string | null, boolean]>([
  [null, null, 'evil.example:8766', true],
  ['http://127.0.0.1:8766', 'same-origin', '127.0.0.1:8766', true],
  ['http://[::1]:8766', null, '[::1]:8766', true],
  ['http://localhost:8766', null, 'localhost:8766', true],
  ['http://me.localhost', null, 'me.localhost', true],
  ['https://casare.example.com', 'same-origin', 'casare.example.com', true],
  ['http://casare.intranet:8766', null, 'casare.intranet:8766', true],
  ['http://evil.example:8766', null, 'evil.example:8766', false],
  ['http://evil.example', null, 'evil.example:80', false],
  ['http://localhost.evil.example', null, 'localhost.evil.example', false],
  ['http://127.0.0.1.evil.example', null, '127.0.0.1.evil.example', false],
  [null, 'same-origin', 'evil.example', false],
  ['http://casare.intranet', null, 'casare.intranet', false],
])('where only the place counts, a page of %s, %s to %s, may ask: %s', (origin, site, host, may) => {
  expect(reboundPage({ origin, site, host }, ALLOWED) === null).toBe(may)
})

test('where robots need no key, a page whose name has come to lead here may not connect', () => {
  const headers: Readonly<Record<string, string>> = { origin: 'http://evil.example:8766', host: 'evil.example:8766' }
  const refused = (robotsAuth: 'key' | 'open') =>
    robotPageRefused((name) => headers[name], { allowedOrigins: [], robotsAuth })?.refused
  expect([refused('key'), refused('open')]).toEqual([undefined, 'FORBIDDEN'])
  expect(robotPageRefused(() => undefined, { allowedOrigins: [], robotsAuth: 'open' })).toBeNull()
})

test.each([
  ['https://example.com', true],
  ['http://localhost:8766', true],
  ['chrome-extension://abcdefgh', true],
  ['https://example.com/', false],
  ['https://example.com:443', false],
  ['https://EXAMPLE.com', false],
  ['https://a@example.com', false],
  ['example.com', false],
  ['*', false],
  ['null', false],
])('%s is an origin: %s', (text, is) => expect(isOrigin(text)).toBe(is))
