import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { mailReach } from '../../../adapters/sources/imap-client.ts'
import { checkMailServer, fetchMail } from '../../../adapters/sources/imap.ts'
import type { Source } from '../../../adapters/sources/sources.ts'
import type { Json, JsonObject } from '../../../core/base/json.ts'
import { mailTrigger } from './mail-trigger.ts'

/**
 * The hosts that mailboxes may be at. The listener here only counts connections: every name resolves to this machine.
 */

let server: Server
let port = 0
let connections = 0
beforeAll(async () => {
  server = createServer((socket) => {
    connections++
    socket.on('error', () => {})
    socket.end('* BYE nobody reads mail here\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(() => void server.close())
beforeEach(() => void (connections = 0))

const config = (over: Readonly<Record<string, Json>>): JsonObject => ({
  server: '127.0.0.1',
  port,
  tls: 'implicit',
  username: 'robot',
  folder: 'INBOX',
  poll_seconds: 10,
  mark_seen: false,
  ...over,
})

const refusal = (over: Readonly<Record<string, Json>>, hosts?: readonly string[]): string | undefined => {
  const refused = checkMailServer(mailReach(hosts))(config(over))
  return refused === null ? undefined : `${refused.refused} ${refused.message}`
}

/** The first status of a source, and the names that were resolved. */
async function statusWith(
  over: Readonly<Record<string, Json>>,
  hosts?: readonly string[],
  ...answers: readonly string[][]
) {
  const asked: string[] = []
  const resolve = (name: string): Promise<readonly string[]> => {
    asked.push(name)
    return Promise.resolve(answers[asked.length - 1] ?? [])
  }
  const row = mailTrigger(config(over), 'secret')
  let source: Source | undefined
  const detail = await new Promise<string>((report) => {
    source = fetchMail(mailReach(hosts, resolve))(row, {
      emit: () => Promise.resolve('done'),
      saveCursor: () => Promise.resolve('done'),
      setStatus: (_, words) => report(words),
      log: () => {},
    })
  })
  await source?.stop()
  return { detail, asked }
}

describe('a mailbox', () => {
  test.each([
    ['127.0.0.1', 'loopback'],
    ['::1', 'loopback'],
    ['2130706433', 'loopback'],
    ['127.1', 'loopback'],
    ['10.0.0.1', 'private'],
    ['169.254.169.254', 'linkLocal'],
    ['::ffff:127.0.0.1', 'ipv4Mapped'],
  ])('may not be at %s: refused when it is saved, and no connection is made', async (at, range) => {
    const words = new RegExp(`is not on the internet \\(${range}\\); the setting mailbox_hosts can allow it$`)
    expect(refusal({ server: at, port: 993 })).toMatch(words)
    expect((await statusWith({ server: at, port: 993 })).detail).toMatch(words)
    expect((await statusWith({ server: at }, ['*:*'])).detail).toMatch(words)
    expect(connections).toBe(0)
  })

  test('may not be at a name of the machine or of its network, which is not even looked up', async () => {
    for (const at of ['localhost', 'mail', 'mail.local', 'imap.internal']) {
      expect(refusal({ server: at, port: 993 }), at).toMatch(
        /^INVALID_PAYLOAD Field config.server: .* name of the machine/,
      )
      expect((await statusWith({ server: at, port: 993 })).asked).toEqual([])
    }
    expect(connections).toBe(0)
  })

  test.each([22, 25, 80, 110, 1143, 6379])('may not be on port %i', async (other) => {
    expect(refusal({ server: 'imap.example.com', port: other })).toContain(`port ${other} may not be used`)
    expect((await statusWith({ server: 'imap.example.com', port: other })).asked).toEqual([])
  })

  test.each([
    ['loopback', ['127.0.0.1']],
    ['a private address beside a public one', ['93.184.216.34', '192.168.0.1']],
    ['the service that hands out keys', ['169.254.169.254']],
    ['an address inside IPv6', ['::ffff:127.0.0.1']],
  ])('may not be at a name that leads to %s', async (_, addresses) => {
    expect(refusal({ server: 'imap.example.com', port: 993 })).toBeUndefined()
    for (const hosts of [['*:*'], ['*:*', '127.0.0.1:1'], ['*:*', 'other.example.com:*']]) {
      const { detail, asked } = await statusWith({ server: 'imap.example.com' }, hosts, addresses)
      expect([detail, asked]).toEqual([expect.stringContaining('is not on the internet'), ['imap.example.com']])
    }
    expect(connections).toBe(0)
  })

  test('is at a host, an address or a network that is listed, and the name is looked up once', async () => {
    for (const hosts of [['imap.example.com:*'], ['127.0.0.1:*'], ['*', `127.0.0.0/8:${port}`]]) {
      connections = 0
      const { asked } = await statusWith({ server: 'imap.example.com', tls: 'starttls' }, hosts, ['127.0.0.1'], [
        '10.0.0.1',
      ])
      expect([hosts, connections, asked]).toEqual([hosts, 1, ['imap.example.com']])
    }
    expect(refusal({}, ['127.0.0.1:*'])).toBeUndefined()
  })

  test('may not be elsewhere where hosts are listed without the internet', () => {
    expect(refusal({ server: 'imap.example.com', port: 993 }, ['imap.example.org'])).toContain('is not among the hosts')
    expect(refusal({ server: 'imap.example.org', port: 993 }, ['imap.example.org'])).toBeUndefined()
  })

  test('whose name nobody answers for keeps nobody from stopping', async () => {
    const row = mailTrigger(config({ server: 'imap.example.com', port: 993 }), 'secret')
    const source = fetchMail(mailReach(['*'], () => new Promise(() => {})))(row, {
      emit: () => Promise.resolve('done'),
      saveCursor: () => Promise.resolve('done'),
      setStatus: () => {},
      log: () => {},
    })
    await source.stop()
  })
})
