import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { one, ran } from './workflow.ts'

/** The HTTP node, to real sockets on loopback. */

describe('HttpRequest', () => {
  let server: Server
  let base: string
  const seen: string[] = []
  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      seen.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`)
      const path = request.url?.split('?')[0]
      if (path === '/json') response.setHeader('content-type', 'application/json').end('{"ok":[1]}')
      else if (path === '/moved') response.writeHead(302, { location: '/json' }).end()
      else if (path === '/away') response.writeHead(302, { location: 'http://forbidden.invalid/' }).end()
      else if (path === '/circle') response.writeHead(302, { location: '/circle' }).end()
      else if (path === '/big') response.end('x'.repeat(5_000))
      else if (path === '/packed') response.setHeader('content-encoding', 'gzip').end(gzipSync('packed'))
      else if (path === '/bomb') response.setHeader('content-encoding', 'br').end(brotliCompressSync('x'.repeat(9_000)))
      else if (path === '/torn') response.setHeader('content-encoding', 'gzip').end(gzipSync('x').subarray(0, 12))
      else if (path === '/said') response.end(JSON.stringify(request.rawHeaders))
      else if (path?.startsWith('/to/')) response.writeHead(302, { location: decodeURIComponent(path.slice(4)) }).end()
      else if (path === '/slow') setTimeout(() => response.end(), 5_000).unref()
      else response.writeHead(404).end('no such page')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  /** No name is looked up by the system, so nothing here can lead anywhere else than to loopback. */
  const looked: string[] = []
  const NAMES: Readonly<Record<string, readonly string[]>> = {
    'here.example': ['127.0.0.1'],
    'public.example': ['93.184.216.34'],
    'inside.example': ['93.184.216.34', '10.0.0.1'],
    'mapped.example': ['::ffff:127.0.0.1'],
    'metadata.example': ['169.254.169.254'],
  }
  const resolve = (name: string): Promise<readonly string[]> => {
    looked.push(name)
    return Promise.resolve(NAMES[name] ?? ['192.0.2.1'])
  }
  const local = { root: '.', httpHosts: ['127.0.0.1:*'], resolve, responseBytesMax: 1_000 }
  const request = (config: object, ports: readonly string[] = []) =>
    one('HTTPRequestNode', { ...config, result_variable: 'response' }, [...ports, 'success'], { options: local })

  test('puts out the answer, and sets the variable with its body as JSON', async () => {
    const { result } = await ran({
      nodes: {
        s: ['Start'],
        x: ['HttpRequest', { url: `${base}/json`, params: { q: 'a b' }, result_variable: 'r' }],
        end: ['End', { result: ['{{r.status}}', '{{r.body.ok[0]}}', '{{x.response_json}}', '{{x.status_code}}'] }],
      },
      options: local,
    })
    expect(result).toEqual([200, 1, { ok: [1] }, 200])
    expect(seen.at(-1)).toBe('GET /json?q=a+b ')
  })

  test('sends a body, and follows redirects', async () => {
    const moved = await request({ url: `${base}/moved`, method: 'post', body: { a: 1 } }, ['response_body'])
    expect(moved.result).toEqual(['{"ok":[1]}', true])
    expect(seen.slice(-2)).toEqual(['POST /moved {"a":1}', 'GET /json '])
    expect((await request({ url: `${base}/moved`, follow_redirects: false }, ['status_code'])).result).toEqual([
      302,
      false,
    ])
  })

  test('takes an answer of any status', async () => {
    const { result } = await request({ url: `${base}/gone` }, ['status_code', 'response_body', 'error'])
    expect(result).toEqual([404, 'no such page', 'HTTP 404', false])
  })

  test.each([
    ['/away', {}, 'UrlNotAllowed'],
    ['/circle', {}, 'TooManyRedirects'],
    ['/big', {}, 'ResponseTooLarge'],
    ['/bomb', {}, 'ResponseTooLarge'],
    ['/torn', {}, 'Error'],
    ['/json', { method: 'TRACE' }, 'MethodNotAllowed'],
    ['/json', { method: 'connect' }, 'MethodNotAllowed'],
    ['/slow', { timeout: 0.02 }, 'TimeoutError'],
  ])('fails at %s', async (path, config, type) => {
    const { error } = await request({ url: base + path, ...config })
    expect(error?.type ?? error?.name).toBe(type)
  })

  test('fails for what the robot may not call', async () => {
    expect((await request({ url: 'http://forbidden.invalid/' })).error).toMatchObject({ type: 'UrlNotAllowed' })
    expect((await request({ url: 'file:///etc/hostname' })).error).toMatchObject({ type: 'UrlNotAllowed' })
  })

  describe.each([
    ['by default', {}],
    ['where the internet is listed', { httpHosts: ['*'] }],
    ['where other places of the network are listed', { httpHosts: ['*', '127.0.0.1:9', '10.0.0.0/8:9', 'else.local'] }],
  ])('%s', (_, more) => {
    const options = { root: '.', resolve, ...more }
    test.each([
      ['loopback', (port: string) => `http://127.0.0.1:${port}/refused`],
      ['loopback, spelt as a number', (port: string) => `http://2130706433:${port}/refused`],
      ['loopback of IPv6', (port: string) => `http://[::1]:${port}/refused`],
      ['loopback inside IPv6', (port: string) => `http://[::ffff:127.0.0.1]:${port}/refused`],
      ['a name of this machine', (port: string) => `http://localhost:${port}/refused`],
      ['a name that leads to loopback', (port: string) => `http://here.example:${port}/refused`],
      ['a name that leads to it inside IPv6', (port: string) => `http://mapped.example:${port}/refused`],
      ['a name that leads outside and inside', () => 'http://inside.example/'],
      ['the service that hands out keys', () => 'http://169.254.169.254/latest/meta-data/'],
      ['a name of it', () => 'http://metadata.example/'],
      ['a port of another service', () => 'http://public.example:25/'],
      ['somebody else than it seems', () => 'http://public.example@127.0.0.1/'],
    ])('%s is refused before a connection is made', async (_what, urlOf) => {
      const url = urlOf(new URL(base).port)
      const { error } = await one('HttpRequest', { url, timeout: 5 }, [], { options })
      expect(error).toMatchObject({ type: 'UrlNotAllowed', node: 'x' })
      expect(seen.filter((asked) => asked.includes('/refused'))).toEqual([])
    })
  })

  test('a redirect to what may not be called is not followed', async () => {
    const elsewhere = createServer()
    let connections = 0
    elsewhere.on('connection', () => connections++).listen(0, '127.0.0.1')
    await once(elsewhere, 'listening')
    const options = { ...local, httpHosts: [new URL(base).host] }
    const { port } = elsewhere.address() as AddressInfo
    for (const to of [`http://127.0.0.1:${port}/`, 'http://169.254.169.254/', 'http://10.0.0.1/', 'ftp://127.0.0.1/']) {
      const { error } = await one('HttpRequest', { url: `${base}/to/${encodeURIComponent(to)}` }, [], { options })
      expect([to, error?.type]).toEqual([to, 'UrlNotAllowed'])
    }
    expect(connections).toBe(0)
    elsewhere.close()
  })

  test('a name is looked up once, and the connection goes to what was looked at', async () => {
    looked.length = 0
    const answers = [['127.0.0.1'], ['10.0.0.1']]
    const options = { ...local, resolve: (name: string) => (looked.push(name), Promise.resolve(answers.shift() ?? [])) }
    const { port } = new URL(base)
    const config = { url: `http://twice.example:${port}/said`, headers: { Host: 'x', Connection: 'upgrade', A: 'b' } }
    const { result } = await one('HttpRequest', config, ['response_json'], { options })
    const raw = (result as string[][])[0] ?? []
    const headers = Object.fromEntries(
      raw.map((name, i) => [name.toLowerCase(), raw[i + 1]]).filter((_, i) => i % 2 === 0),
    )
    expect(headers).toMatchObject({
      host: `twice.example:${port}`,
      connection: 'close',
      a: 'b',
      'user-agent': 'casare-robot',
    })
    expect(looked).toEqual(['twice.example'])
    const { error } = await one('HttpRequest', config, [], { options })
    expect(error?.message).toContain('twice.example is not among the hosts that may be reached')
  })

  test('unpacks what the server has packed', async () => {
    expect((await request({ url: `${base}/packed` }, ['response_body'])).result).toEqual(['packed', true])
    expect((await request({ url: `${base}/packed`, method: 'HEAD' }, ['response_body'])).result).toEqual(['', true])
  })

  test('tries again as often as it is told, and says why in the end', async () => {
    const { error } = await request({ url: 'http://127.0.0.1:1/', retry_count: 1, retry_delay: 0.001 })
    expect(error).toMatchObject({ name: 'Error', node: 'x' })
    expect(error?.message).toMatch(/connect ECONNREFUSED/)
  })

  test('ends when the job is aborted', async () => {
    const more = { options: local, signal: AbortSignal.timeout(20) }
    const { error } = await one('HttpRequest', { url: `${base}/slow` }, [], more)
    expect(error?.name).toBe('TimeoutError')
  })
})
