import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { pinnedPost } from '../../../adapters/node/post.ts'
import { ANSWER_BYTES_MAX, fetchPost, type PostRequest, retryAfterMs } from '../../../adapters/net/post.ts'

/** Requests on Node, to real sockets. */

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** Listens on loopback. Returns the port, and who has asked. */
async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, asked }
}

function posting(url: string, over: Partial<PostRequest> = {}): PostRequest {
  return {
    url: new URL(url),
    headers: { 'X-One': '1' },
    body: '{"a":"ü"}',
    signal: AbortSignal.timeout(60_000),
    allowPrivate: false,
    ...over,
  }
}

test('a name is looked up once, and the connection goes to what was looked at', async () => {
  const { port, asked } = await listen((_request, response) => response.end('fine'))
  const answers = [['127.0.0.1'], ['10.0.0.1']]
  const lookedUp: string[] = []
  const post = pinnedPost(async (name) => {
    lookedUp.push(name)
    return answers.shift() ?? []
  })
  const answer = await post(posting(`http://hooks.example.com:${port}/a?b`, { allowPrivate: true }))
  expect(answer).toEqual({ status: 200, retryAfter: null, text: 'fine' })
  expect(lookedUp).toEqual(['hooks.example.com'])
  expect([asked[0]?.method, asked[0]?.url, asked[0]?.headers.host]).toEqual([
    'POST',
    '/a?b',
    `hooks.example.com:${port}`,
  ])
  expect(asked[0]?.headers['x-one']).toBe('1')
})

test.each([
  ['a private address', ['10.0.0.1']],
  ['loopback', ['127.0.0.1']],
  ['the metadata service', ['169.254.169.254']],
  ['a private address beside a public one', ['93.184.216.34', '192.168.0.1']],
  ['a mapped address', ['::ffff:127.0.0.1']],
  ['a unique local address', ['fd00::1']],
])('a name that leads to %s is not called', async (_what, addresses) => {
  const { port, asked } = await listen((_request, response) => response.end())
  const post = pinnedPost(async () => addresses)
  await expect(post(posting(`https://127.0.0.1.nip.example:${port}/`))).rejects.toThrow(
    /^not sent: .* not on the internet/,
  )
  expect(asked.length).toBe(0)
})

test('a name that leads elsewhere the second time leads nowhere', async () => {
  const { port, asked } = await listen((_request, response) => response.end())
  let looked = 0
  const post = pinnedPost(async () => ++looked === 1 ? ['93.184.216.34'] : ['127.0.0.1'])
  const first = post(posting(`https://rebind.example.com:${port}/`, { signal: AbortSignal.timeout(300) }))
  await expect(first).rejects.toThrow()
  expect([looked, asked.length]).toEqual([1, 0])
  await expect(post(posting(`https://rebind.example.com:${port}/`))).rejects.toThrow(/not sent: 127.0.0.1/)
  expect(asked.length).toBe(0)
})

test('an address in the URL is looked at too, whoever has let it pass before', async () => {
  const { port, asked } = await listen((_request, response) => response.end())
  for (const host of ['127.0.0.1', '2130706433', '[::1]', '[::ffff:127.0.0.1]']) {
    await expect(pinnedPost()(posting(`http://${host}:${port}/`)), host).rejects.toThrow(/not sent/)
  }
  expect(asked.length).toBe(0)
})

test('an address that nobody listens at is passed over, and the last error is told', async () => {
  const { port } = await listen((_request, response) => response.end('here'))
  const post = pinnedPost(async () => ['127.0.0.2', '127.0.0.1'])
  expect((await post(posting(`http://two.example.com:${port}/`, { allowPrivate: true }))).text).toBe('here')
  const none = pinnedPost(async () => [])
  await expect(none(posting('https://none.example.com/'))).rejects.toThrow('none.example.com has no address')
})

test.each([['node', pinnedPost()], ['fetch', fetchPost]])('a redirect is not followed (%s)', async (_name, post) => {
  const there = await listen((_request, response) => response.end('here'))
  const { port } = await listen((_request, response) => {
    response.writeHead(307, { Location: `http://127.0.0.1:${there.port}/` }).end()
  })
  const { status } = await post(posting(`http://127.0.0.1:${port}/`, { allowPrivate: true }))
  expect([status, there.asked.length]).toEqual([307, 0])
})

test.each([['node', pinnedPost()], ['fetch', fetchPost]])('an answer without an end is read only so far (%s)', async (
  _name,
  post,
) => {
  const { port } = await listen((_request, response) => {
    const more = (): void => {
      while (response.write('x'.repeat(10_000)));
    }
    response.on('drain', more)
    response.writeHead(500, { 'Retry-After': '7' })
    more()
  })
  const { status, retryAfter, text } = await post(posting(`http://127.0.0.1:${port}/`, { allowPrivate: true }))
  expect([status, retryAfter, text.length]).toEqual([500, '7', ANSWER_BYTES_MAX])
})

test.each([['node', pinnedPost()], ['fetch', fetchPost]])('a receiver that says nothing is given up (%s)', async (
  _name,
  post,
) => {
  const silent = await listen(() => {})
  const slow = await listen((_request, response) => {
    response.write('a')
  })
  for (const { port } of [silent, slow]) {
    const signal = AbortSignal.timeout(200)
    const sent = post(posting(`http://127.0.0.1:${port}/`, { allowPrivate: true, signal }))
    await expect(sent).rejects.toMatchObject({ name: 'TimeoutError' })
  }
})

test('a resolver that says nothing is given up', async () => {
  const post = pinnedPost(() => new Promise(() => {}))
  const sent = post(posting('https://slow.example.com/', { signal: AbortSignal.timeout(100) }))
  await expect(sent).rejects.toMatchObject({ name: 'TimeoutError' })
})

/** Listens, and counts the connections. */
async function counting(answer: (request: IncomingMessage, response: ServerResponse) => void, host = '127.0.0.1') {
  const counts = { connections: 0, requests: 0 }
  const server = createServer((request, response) => {
    counts.requests++
    request.resume().on('end', () => answer(request, response))
  })
  server.on('connection', () => counts.connections++)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return { port: (server.address() as AddressInfo).port, counts }
}

test.each([
  ['words', (response: ServerResponse) => void response.end('fine')],
  ['nothing', (response: ServerResponse) => void response.writeHead(204).end()],
  ['an error', (response: ServerResponse) => void response.writeHead(500).end('broken')],
])('a connection is used again after an answer of %s', async (_what, answer) => {
  const { port, counts } = await counting((_request, response) => answer(response))
  const post = pinnedPost()
  for (let i = 0; i < 5; i++) await post(posting(`http://127.0.0.1:${port}/`, { allowPrivate: true }))
  expect(counts).toEqual({ connections: 1, requests: 5 })
  await Promise.all(
    Array.from({ length: 3 }, () => post(posting(`http://127.0.0.1:${port}/`, { allowPrivate: true }))),
  )
  expect(counts).toEqual({ connections: 3, requests: 8 })
})

test('a kept connection serves only an address that was found and checked for this request', async () => {
  const { port, counts } = await counting((_request, response) => response.end('here'))
  let addresses = ['127.0.0.1']
  const post = pinnedPost(async () => addresses)
  const url = `http://rebind.example.com:${port}/`
  await post(posting(url, { allowPrivate: true }))
  // The same name and address, where only addresses on the internet are allowed.
  await expect(post(posting(url))).rejects.toThrow('not sent: 127.0.0.1 is not on the internet (loopback)')
  // Nothing listens there, though the connection of before would still answer.
  addresses = ['127.0.0.2']
  await expect(post(posting(url, { allowPrivate: true }))).rejects.toThrow(/ECONNREFUSED/)
  expect(counts).toEqual({ connections: 1, requests: 1 })
})

test('a request that meets a connection which the receiver has closed is sent on another', async () => {
  const used = new Set<unknown>()
  const { port, counts } = await counting((request, response) => {
    if (used.has(request.socket)) request.socket.destroy()
    else response.end('fine')
    used.add(request.socket)
  })
  const post = pinnedPost()
  for (let i = 0; i < 3; i++) {
    const { text } = await post(posting(`http://127.0.0.1:${port}/`, { allowPrivate: true }))
    expect(text).toBe('fine')
  }
  expect(counts).toEqual({ connections: 3, requests: 5 })
})

test('a receiver that closes the first connection is not asked again', async () => {
  const { port, counts } = await counting((request) => request.socket.destroy())
  await expect(pinnedPost()(posting(`http://127.0.0.1:${port}/`, { allowPrivate: true }))).rejects.toThrow()
  expect(counts).toEqual({ connections: 1, requests: 1 })
})

test('requests for one name at one time share its lookup', async () => {
  const { port } = await counting((_request, response) => response.end('fine'))
  const waiting: ((addresses: readonly string[]) => void)[] = []
  const post = pinnedPost(() => new Promise((resolve) => void waiting.push(resolve)))
  const three = [1, 2, 3].map(() => post(posting(`http://shared.example.com:${port}/`, { allowPrivate: true })))
  expect(waiting.length).toBe(1)
  waiting[0]?.(['127.0.0.1'])
  await Promise.all(three)
  const fourth = post(posting(`http://shared.example.com:${port}/`, { allowPrivate: true }))
  expect(waiting.length).toBe(2)
  waiting[1]?.(['127.0.0.1'])
  await fourth
})

test('Retry-After is a number of seconds or a date', () => {
  const now = Date.UTC(2026, 0, 1)
  const read = (header: string | null) => retryAfterMs(header, now)
  expect([null, '120', '0', ' 7 '].map(read)).toEqual([null, 120_000, 0, 7_000])
  // Beyond a day it is a day, however long that is.
  const day = 86_400_000
  expect(['86401', '9999999999', '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT'].map(read)).toEqual([
    day,
    day,
    day,
    day,
  ])
  expect(['', 'soon', '-1', '1.5', '120 s', '20 26', '1 2', 'May', '2026-01-02T00:00:00Z'].map(read)).toEqual(
    Array.from({ length: 9 }, () => null),
  )
  // The two older ways to write a date.
  expect(['Thursday, 01-Jan-26 00:01:00 GMT', 'Thu Jan  1 00:01:00 2026'].map(read)).toEqual([60_000, 60_000])
  expect(['Thu, 01 Jan 2026 00:01:00 GMT', 'Wed, 31 Dec 2025 00:00:00 GMT'].map(read)).toEqual([60_000, 0])
})
