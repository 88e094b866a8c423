import { describe, expect, test } from 'vitest'
import { clientAddress, isInRanges, isRange, setPeerAddress } from '../../../adapters/net/client-address.ts'

/** A request from an address. */

function from(address: string | null, forwarded?: string): Request {
  const request = new Request(
    'http://here/',
    forwarded === undefined ? {} : { headers: { 'X-Forwarded-For': forwarded } },
  )
  setPeerAddress(request, address)
  return request
}

describe('the address of a caller', () => {
  test.each([
    ['192.0.2.1', undefined, [], '192.0.2.1'],
    ['::ffff:192.0.2.1', undefined, [], '192.0.2.1'],
    ['2001:DB8:0:0::1', undefined, [], '2001:db8::1'],
    [null, '203.0.113.7', [], null],
    ['not an address', undefined, [], null],
    // `X-Forwarded-For` of an untrusted peer is ignored.
    ['192.0.2.1', '203.0.113.7', [], '192.0.2.1'],
    ['192.0.2.1', '203.0.113.7', ['10.0.0.0/8'], '192.0.2.1'],
    ['10.0.0.5', '203.0.113.7', ['10.0.0.0/8'], '203.0.113.7'],
    ['::ffff:10.0.0.5', '203.0.113.7', ['10.0.0.0/8'], '203.0.113.7'],
    // The header that a proxy received comes before the address that it saw.
    ['10.0.0.5', '1.1.1.1, 203.0.113.7', ['10.0.0.0/8'], '203.0.113.7'],
    ['10.0.0.5', '1.1.1.1, 203.0.113.7, 10.0.0.6', ['10.0.0.0/8'], '203.0.113.7'],
    ['10.0.0.5', '10.0.0.7, 10.0.0.6', ['10.0.0.0/8'], '10.0.0.7'],
    ['10.0.0.5', 'unknown', ['10.0.0.0/8'], '10.0.0.5'],
    ['10.0.0.5', undefined, ['10.0.0.0/8'], '10.0.0.5'],
    // Ways to write an address that programs read differently are none.
    ...['0300.0.2.1', '0xc0.0.2.1', '192.0.513', '3221225985', '192.0.2.01', '::ffff:0300.0.2.1', '::ffff:0xc0.0.2.1']
      .map((
        text,
      ): [string, string, string[], string] => ['10.0.0.5', text, ['10.0.0.0/8'], '10.0.0.5']),
    ['fd00::1', '2001:db8::9', ['fd00::/8'], '2001:db8::9'],
  ])('from %s with X-Forwarded-For %s, trusting %s: %s', (address, forwarded, trusted, is) => {
    expect(clientAddress(from(address, forwarded), trusted)).toBe(is)
  })

  test('that of another request is not known', () => {
    from('192.0.2.1')
    expect(clientAddress(new Request('http://here/'), [])).toBeNull()
  })
})

test.each([
  ['192.0.2.1', ['192.0.2.0/24'], true],
  ['192.0.3.1', ['192.0.2.0/24'], false],
  ['192.0.2.1', ['192.0.2.1'], true],
  ['192.0.2.2', ['192.0.2.1'], false],
  ['192.0.2.1', ['2001:db8::/32', '192.0.2.0/31'], true],
  ['::ffff:192.0.2.1', ['192.0.2.0/24'], true],
  ['2001:db8::9', ['2001:db8::/32'], true],
  ['2001:db9::9', ['2001:db8::/32'], false],
  ['192.0.2.1', ['::/0'], false],
  ['192.0.2.1', ['0.0.0.0/0'], true],
  ['nobody', ['0.0.0.0/0'], false],
])('%s is within %s: %s', (address, ranges, is) => {
  expect(isInRanges(address, ranges)).toBe(is)
})

test.each([
  ['10.0.0.0/8', true],
  ['10.0.0.1', true],
  ['2001:db8::/32', true],
  ['::1', true],
  ['10.0.0.0/33', false],
  ['10', false],
  ['0x7f.1', false],
  ['010.0.0.0/8', false],
  ['0xa.0.0.0/8', false],
  ['10/8', false],
  ['::ffff:010.0.0.1', false],
  ['fd00::/8', true],
  ['example.com', false],
  ['', false],
])('%s is an address or a range: %s', (text, is) => {
  expect(isRange(text)).toBe(is)
})
