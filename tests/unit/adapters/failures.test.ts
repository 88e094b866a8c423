import { expect, test } from 'vitest'
import { AttemptLimiter } from '../../../adapters/fleet/failed-attempts.ts'
import { DEFAULTS } from '../../../core/settings.ts'

/** The limit on wrong keys per address. */

function lab(most = 20) {
  const lines: string[] = []
  const failures = new AttemptLimiter(
    { ...DEFAULTS, wrongKeysMax: most },
    (level, _message, details) => lines.push(JSON.stringify({ level, ...details })),
  )
  /** Makes so many guesses at once, and returns how many were refused. */
  const guess = (address: string | null, times: number, now: number): number => {
    let refused = 0
    for (let n = 0; n < times; n++) if (failures.count(address, now) !== null) refused++
    return refused
  }
  return { failures, lines, guess }
}

test('failures are counted for each address, and the limit is exact', () => {
  const { failures } = lab()
  for (let n = 0; n < 20; n++) expect(failures.count('192.0.2.1', n)).toBeNull()
  expect(failures.count('192.0.2.1', 100)).toMatchObject({ limit: 20, remaining: 0, resetAt: 60_000 })
  expect(failures.count('192.0.2.2', 100)).toBeNull()
  expect(failures.count('192.0.2.1', 60_000)).toBeNull()
})

test.each<[string, readonly (string | null)[], number]>([
  ['the addresses of one IPv6 network of 64 bits are one', ['2001:db8::1', '2001:db8::ffff:1', '2001:db8:0:0:9::'], 40],
  ['those of two are two', ['2001:db8::1', '2001:db8:0:1::1'], 0],
  ['IPv4 inside IPv6 is IPv4', ['192.0.2.1', '::ffff:192.0.2.1'], 20],
  ['two addresses of IPv4 are two', ['192.0.2.1', '192.0.2.2'], 0],
  ['whoever is unknown is one', [null, null], 20],
])('%s', (_what, addresses, refused) => {
  const { guess } = lab()
  expect(addresses.map((address) => guess(address, 20, 0)).reduce((a, b) => a + b)).toBe(refused)
})

test('0 is no limit', () => {
  expect(lab(0).guess('192.0.2.1', 10_000, 0)).toBe(0)
})

test('the log has a line for each address in each minute', () => {
  const { lines, guess } = lab()
  guess('192.0.2.1', 20, 0)
  expect(lines).toEqual([])
  for (let second = 0; second < 180; second++) guess('192.0.2.1', 100, second * 1_000)
  guess('2001:db8::7', 21, 180_000)
  const line = { level: 'warn', address: '192.0.2.1', limit: 20, window_seconds: 60 }
  expect(lines.map((text) => JSON.parse(text) as unknown)).toEqual([
    line,
    line,
    line,
    { ...line, address: '2001:db8::/64' },
  ])
})

test('and no more than fifty, from however many addresses', () => {
  const { lines, guess } = lab()
  for (let n = 0; n < 2_000; n++) guess(`2001:db8:${n.toString(16)}::1`, 21, 0)
  expect(lines).toHaveLength(50)
  expect(lines.filter((line) => line.includes('further addresses are not named'))).toEqual([lines.at(-1)])
  guess('192.0.2.1', 21, 60_000)
  expect(lines).toHaveLength(51)
})

test('of very many addresses those that failed longest ago are forgotten', () => {
  const { failures, guess } = lab()
  guess('192.0.2.1', 20, 0)
  guess('192.0.2.2', 20, 0)
  for (let n = 0; n < 9_999; n++) failures.count(`10.0.${n >> 8}.${n & 255}`, 1)
  // It was seen again meanwhile.
  expect(guess('192.0.2.2', 1, 2)).toBe(1)
  expect(guess('192.0.2.1', 1, 2)).toBe(0)
})

test('a clock that was set back keeps nobody out for longer', () => {
  const { guess } = lab()
  expect(guess('192.0.2.1', 21, 3_600_000)).toBe(1)
  expect(guess('192.0.2.1', 1, 0)).toBe(1)
  expect(guess('192.0.2.1', 1, 60_000)).toBe(0)
})
