import { describe, expect, test } from 'vitest'
import { isReachEntry, reachEntries, reachOf, USUAL_PORTS } from '../../../outgoing/reach.ts'

/** Allowed hosts, by lists as operators write them. */

/** A list, a host with its port, the address that it resolves to if it is a name, and the refusal; empty: none. */
const JUDGED = `
  *                          | example.com:443           | 93.184.216.34        |
  *                          | example.com:8080          | 93.184.216.34        |
  *                          | 8.8.8.8:80                |                      |
  *                          | example.com:22            |                      | port 22 may not be used
  *                          | 127.0.0.1:8766            |                      | 127.0.0.1 is not on the internet (loopback)
  *                          | 2130706433:8766           |                      | 127.0.0.1 is not on the internet (loopback)
  *                          | 169.254.169.254:80        |                      | 169.254.169.254 is not on the internet (linkLocal)
  *                          | localhost:8766            |                      | localhost is a name of the machine or of its own network
  *                          | metadata.google.internal:80 |                    | metadata.google.internal is a name of the machine or of its own network
  *                          | example.com:80            | 10.0.0.1             | 10.0.0.1 is not on the internet (private)
  *                          | example.com:80            | ::ffff:10.0.0.1      | ::ffff:10.0.0.1 is not on the internet (ipv4Mapped)
  *                          | example.com:80            | 64:ff9b::7f00:1      | 64:ff9b::7f00:1 is not on the internet (rfc6052)
  *                          | [::1]:80                  |                      | ::1 is not on the internet (loopback)
  *,10.0.0.0/8               | example.com:80            | 10.0.0.1             |
  *,10.0.0.0/8               | erp.local:8080            |                      |
  *,10.0.0.0/8               | erp.local:8080            | 10.0.0.1             |
  *,10.0.0.0/8               | erp.local:8080            | 10.0.0.1             |
  *,10.0.0.0/8               | example.com:80            | ::ffff:10.0.0.1      |
  *,10.0.0.0/8               | 192.168.0.1:80            |                      | 192.168.0.1 is not on the internet (private)
  *,10.0.0.0/8               | 10.0.0.1:22               |                      | port 22 may not be used
  *,10.0.0.0/8:22            | 10.0.0.1:22               |                      |
  *,10.0.0.0/8:22            | 8.8.8.8:22                |                      | 8.8.8.8 is not among the hosts that may be reached
  *,10.0.0.0/8:*             | 10.0.0.1:1                |                      |
  *:*                        | 8.8.8.8:22                |                      |
  erp.local                  | erp.local:8080            | 10.0.0.1             |
  erp.local                  | ERP.Local.:8080           | 10.0.0.1             |
  erp.local                  | crm.local:8080            | 10.0.0.1             | crm.local is not among the hosts that may be reached
  erp.local                  | erp.local:81              |                      | port 81 may not be used
  erp.local:81               | erp.local:81              | 127.0.0.1            |
  erp.local:81               | erp.local:82              |                      | port 82 may not be used
  bücher.example             | xn--bcher-kva.example:443 | 192.168.0.1          |
  127.1                      | 127.0.0.1:80              |                      |
  127.0.0.1                  | localhost:80              | 127.0.0.1            |
  127.0.0.1                  | localhost:80              | ::1                  | localhost is not among the hosts that may be reached
  ::1                        | [::1]:80                  |                      |
  [::1]:443                  | [::1]:443                 |                      |
  fd00::/8                   | [fd12::1]:80              |                      |
  [fd00::/8]:7               | [fd12::1]:7               |                      |
  fd00::/8                   | [fe80::1]:80              |                      | [fe80::1] is not among the hosts that may be reached
  0.0.0.0/0                  | 169.254.169.254:80        |                      |
                             | example.com:80            |                      | port 80 may not be used
`.split('\n').filter((line) => line.includes('|')).map((line) => line.split('|').map((cell) => cell.trim()))

test.each(JUDGED)('where %s may be reached, %s %s: %s', (list = '', at = '', address, said) => {
  const [, host = '', port] = /^(.*):(\d+)$/.exec(at) ?? []
  const reach = reachOf(reachEntries(list), USUAL_PORTS.http)
  expect(reach.problem(host, Number(port), address === '' ? undefined : address) ?? '').toBe(said)
})

test('mailboxes are on the two ports of IMAP unless a port is named', () => {
  const problem = (list: string, port: number) => reachOf(reachEntries(list), USUAL_PORTS.imap).problem('8.8.8.8', port)
  expect([143, 993].map((port) => problem('*', port))).toEqual([null, null])
  for (const port of [22, 25, 80, 443, 994, 8993]) expect(problem('*', port)).toBe(`port ${port} may not be used`)
  expect([problem('*,*:8993', 8993), problem('8.8.8.8:*', 1)]).toEqual([null, null])
})

describe('an entry', () => {
  const wrong = [
    '',
    ' ',
    'a b',
    'http://example.com',
    'example.com/',
    'user@example.com',
    '*.example.com',
    'example.com:',
    'example.com:0',
    'example.com:65536',
    'example.com:http',
    '10.0.0.0/33',
    '10/8',
    '[::1',
    '[::1]x',
    'a:b:c',
    '::1]',
    '[fd00::]/8',
    'a%2e',
    'a?b',
    'a#b',
    '*:',
    '300.1.1.1',
    '/8',
  ]
  test.each(wrong)('%j is refused', (text) => {
    expect(isReachEntry(text), text).toBe(false)
    expect(() => reachOf([text], USUAL_PORTS.http)).toThrow('not a host, an address or a network')
  })
})
