import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pinnedPost } from '../adapters/node/post.ts'
import type { SendPost } from '../adapters/net/post.ts'
import { DEFAULTS } from '../core/settings.ts'
import { requestAt } from '../outgoing/request.ts'
import { median, quantile } from './measure.ts'
import { number, type Table } from './table.ts'

/** Requests to receivers of webhooks on loopback, as Node sends them: on kept connections, and each on its own. */

const ROUNDS = 5
const EACH = DEFAULTS.webhookRequestsMaxEach
const QUICK = { waitMs: 0, requests: 400 }
const SLOW = { waitMs: 100, requests: 5 * EACH }
const BODY = JSON.stringify({ type: 'job.completed', data: { text: 'x'.repeat(600) } })

/** The control: a connection for each request. */
const singlePost: SendPost = (post) =>
  requestAt('127.0.0.1', { method: 'POST', ...post }, async (response) => {
    for await (const part of response) void part
    return { status: response.statusCode ?? 0, retryAfter: null, text: '' }
  })

/** Over TLS the difference is larger than here. */
const KEPT_RATIO_MAX = 1.5

interface Receiver {
  readonly server: Server
  readonly url: URL
  connections: number
}

async function receiver(waitMs: number): Promise<Receiver> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => setTimeout(() => response.writeHead(204).end(), waitMs))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const self = { server, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`), connections: 0 }
  server.on('connection', () => self.connections++)
  return self
}

/** Requests a second, with as many at a time as one webhook has. */
async function rate(post: SendPost, { url }: Receiver, requests: number): Promise<number> {
  const begin = performance.now()
  let left = requests
  await Promise.all(Array.from({ length: EACH }, async () => {
    while (left-- > 0) {
      await post({ url, headers: {}, body: BODY, signal: AbortSignal.timeout(10_000), allowPrivate: true })
    }
  }))
  return requests * 1_000 / (performance.now() - begin)
}

/** One table: what one webhook takes, of a receiver nearby and of one that takes 100 ms. */
export async function postBench(): Promise<readonly Table[]> {
  const rows: string[][] = []
  const ratios: number[] = []
  let most = 0
  for (const { waitMs, requests } of [QUICK, SLOW]) {
    const rates: { readonly kept: number[]; readonly single: number[] } = { kept: [], single: [] }
    const [kept, single] = [await receiver(waitMs), await receiver(waitMs)]
    const post = pinnedPost()
    // By turns, so that a disturbance of the machine meets both. The first round only warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      const [ofKept, ofSingle] = [await rate(post, kept, requests), await rate(singlePost, single, requests)]
      if (round === 0) continue
      rates.kept.push(ofKept)
      rates.single.push(ofSingle)
    }
    const name = waitMs === 0 ? 'a receiver that answers at once' : `one that takes ${waitMs} ms`
    for (const [how, { connections }] of [['kept', kept], ['single', single]] as const) {
      const title = how === 'kept' ? name : '  control: a connection for each request'
      const total = (ROUNDS + 1) * requests
      rows.push([
        title,
        number(median(rates[how])),
        number(quantile(rates[how], 0)),
        number(total),
        number(connections),
      ])
    }
    most = Math.max(most, kept.connections)
    ratios.push(median(rates.single) / median(rates.kept))
    for (const { server } of [kept, single]) server.close().closeAllConnections()
  }
  return [{
    title: `webhooks: requests a second to one receiver, ${EACH} at a time`,
    columns: ['receiver', 'a second', 'least', 'requests', 'connections'],
    rows,
    notes: [
      `Median of ${ROUNDS} rounds, by turns. The receiver is in the same process, so its work is in the figures.`,
    ],
    bounds: [
      { of: 'connections to a receiver', value: most, most: EACH },
      {
        of: 'a connection for each request / kept ones, at once',
        value: ratios[0] ?? Number.NaN,
        most: KEPT_RATIO_MAX,
      },
    ],
  }]
}
