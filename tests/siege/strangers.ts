import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Asker, dial, pour, statusOn, upgraded } from './sockets.ts'
import { textFrame } from '../wire/flood.ts'
import type { Ground } from './ground.ts'
import type { Tally } from './tally.ts'

/** Floods by people whom nobody knows: they have no key. */

export interface Flood {
  readonly name: string
  /** A description for the report. */
  readonly what: string
  /** Goes on until it is aborted. */
  run(ground: Ground, tally: Tally, signal: AbortSignal): Promise<void>
}

/** Repeats an action in so many parallel loops. */
export async function inParallel(
  workers: number,
  signal: AbortSignal,
  work: (worker: number) => Promise<void>,
): Promise<void> {
  await Promise.all(Array.from({ length: workers }, async (_, lane) => {
    while (!signal.aborted) {
      const begun = performance.now()
      await work(lane)
      // A refused attempt is not repeated at once, which would flood the attacker's own event loop.
      if (performance.now() - begun < 1) await pause(1)
    }
  }))
}

/** Keeps a number of connections open, and replaces each one that is closed, until aborted. */
async function held(
  count: number,
  tally: Tally,
  signal: AbortSignal,
  open: () => Promise<Socket | null>,
): Promise<void> {
  const sockets = new Set<Socket>()
  await inParallel(Math.min(count, 20), signal, async () => {
    tally.look()
    if (sockets.size >= count) return void await pause(20)
    const socket = await open()
    if (socket === null || socket.destroyed) return void await pause(20)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  tally.look()
  tally.note('still open', sockets.size)
  for (const socket of sockets) socket.destroy()
}

const small = textFrame(JSON.stringify({ type: 'heartbeat', id: 'a', timestamp: '', payload: {} }))
const SMALL_FRAMES = 500
const many = Buffer.concat(Array.from({ length: SMALL_FRAMES }, () => small))

/** A frame whose `type` and `id` an answer might repeat. */
const long = textFrame(JSON.stringify({ type: 'x'.repeat(200_000), id: 'y'.repeat(200_000), payload: {} }))

const LONG_FRAMES = 100

/** Texts that have cost a reader of JSON more than they weigh. */
const HOSTILE: readonly string[] = [
  `NaN "${'\\"'.repeat(60_000)}`,
  `{"a":NaN,"b":"${'\\"'.repeat(60_000)}`,
  '['.repeat(500_000),
  `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
  `{"a":${'9'.repeat(500_000)}}`,
  `{"a":1e${'9'.repeat(500_000)}}`,
  `{${Array.from({ length: 30_000 }, (_, i) => `"k${i}":${i}`).join()}}`,
  `{"type":{"toString":1},"id":"${'\\u0000'.repeat(50_000)}"}`,
  `"${'\\ud800'.repeat(100_000)}"`,
  `${' '.repeat(500_000)}x`,
  `[${'-Infinity,'.repeat(50_000)}0]`,
]

export const STRANGERS: readonly Flood[] = [
  {
    name: 'frames',
    what: 'small frames on sockets that never register, as many as will go',
    run: (ground, tally, signal) =>
      inParallel(20, signal, async () => {
        const socket = await upgraded(ground, tally)
        tally.look()
        if (socket === null) return void await pause(20)
        socket.resume()
        while (!socket.destroyed && !signal.aborted) {
          await pour(socket, many, signal)
          tally.sent += SMALL_FRAMES
          await new Promise((resolve) => setImmediate(resolve))
        }
        socket.destroy()
      }),
  },
  {
    name: 'deaf',
    what: 'sockets that never register, send frames with a type and an id of 200 kB, and read nothing',
    run: (ground, tally, signal) =>
      held(50, tally, signal, async () => {
        const socket = await upgraded(ground, tally)
        if (socket === null) return null
        for (let i = 0; i < LONG_FRAMES; i++) socket.write(long)
        tally.sent += LONG_FRAMES
        return socket
      }),
  },
  {
    name: 'silent',
    what: 'connections to both ports that send no byte, a WebSocket that says nothing, and half a request',
    run: async (ground, tally, signal) => {
      const begin = async (onto: string, bytes: string): Promise<Socket | null> => {
        const socket = await dial(ground, onto, tally)
        // It would not see that the other end hangs up.
        socket?.resume().write(bytes)
        return socket
      }
      await Promise.all([
        held(400, tally, signal, () => begin(ground.http, '')),
        held(400, tally, signal, () => begin(ground.robots, '')),
        held(400, tally, signal, () => begin(ground.http, 'GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ')),
        held(
          400,
          tally,
          signal,
          () => begin(ground.http, 'POST /webhook/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n'),
        ),
        held(400, tally, signal, async () => (await upgraded(ground, tally))?.resume() ?? null),
      ])
    },
  },
  {
    name: 'keys',
    what: 'guessed keys, over HTTP and in registrations',
    run: async (ground, tally, signal) => {
      const asker = new Asker(ground, tally)
      const guess = (): string => `crpa_${randomBytes(32).toString('base64url')}`
      await Promise.all([
        inParallel(32, signal, async () => {
          await asker.ask('GET', '/api/v1/jobs', { headers: { Authorization: `Bearer ${guess()}` } })
        }),
        inParallel(8, signal, async () => {
          const socket = await upgraded(ground, tally)
          tally.look()
          if (socket === null) return void await pause(20)
          const payload = { robot_id: 'guess', auth_token: guess() }
          socket.resume().write(textFrame(JSON.stringify({ type: 'register', id: 'a', timestamp: '', payload })))
          tally.sent++
          await gone(socket, signal)
        }),
      ])
      asker.close()
    },
  },
  {
    name: 'json',
    what: 'hostile JSON to webhooks that do not exist, and in frames before a registration',
    run: async (ground, tally, signal) => {
      const asker = new Asker(ground, tally)
      let next = 0
      const hostile = (): string => HOSTILE[next++ % HOSTILE.length] ?? ''
      await Promise.all([
        inParallel(8, signal, async () => {
          const headers = { 'Content-Type': 'application/json' }
          await asker.ask('POST', '/webhook/anything', { headers, body: hostile() })
        }),
        inParallel(8, signal, async () => {
          const socket = await upgraded(ground, tally)
          tally.look()
          if (socket === null) return void await pause(20)
          socket.resume()
          for (let i = 0; i < 20 && !socket.destroyed && !signal.aborted; i++) {
            await pour(socket, textFrame(hostile()), signal)
            tally.sent++
          }
          await gone(socket, signal)
        }),
      ])
      asker.close()
    },
  },
  {
    name: 'fleets',
    what: 'requests and sockets to fleets that nobody has a key of',
    run: async (ground, tally, signal) => {
      const asker = new Asker(ground, tally)
      const fleet = (): string => `/fleets/f${randomBytes(6).toString('hex')}`
      await Promise.all([
        inParallel(16, signal, async () => void await asker.ask('GET', `${fleet()}/api/v1/jobs`)),
        inParallel(8, signal, async () => {
          const headers = { 'Content-Type': 'application/json' }
          await asker.ask('POST', `${fleet()}/webhook/x`, { headers, body: '{}' })
        }),
        inParallel(8, signal, async () => {
          const headers = { Authorization: `Bearer crpa_${randomBytes(32).toString('base64url')}` }
          await asker.ask('GET', `${fleet()}/api/v1/robots`, { headers })
        }),
        inParallel(8, signal, async () => {
          const socket = await upgraded(ground, tally, `${fleet()}/ws`)
          tally.look()
          if (socket === null) return void await pause(20)
          socket.resume().write(small)
          await gone(socket, signal)
        }),
      ])
      asker.close()
    },
  },
  {
    name: 'upgrades',
    what: 'upgrades to something else, and with a Host that is none',
    run: (ground, tally, signal) => {
      const { host } = new URL(ground.http)
      const upgrade = (lines: string): string =>
        `GET /healthz HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n${lines}\r\n\r\n`
      const websocket = 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YWFhYWFhYWFhYWFhYWFhYQ=='
      const requests: readonly (readonly [string, string])[] = [
        [ground.http, upgrade(`Host: ${host}\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA`)],
        [ground.http, upgrade(`Host: ${host}\r\nUpgrade: TLS/1.0`)],
        [ground.http, upgrade(`Host: a b\r\n${websocket}`)],
        [ground.robots, upgrade(`Host: a b\r\n${websocket}`)],
        [ground.robots, upgrade(`Host: ${host}\r\nUpgrade: h2c`)],
        [ground.robots, upgrade(`Host: ${host}\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99`)],
      ]
      let next = 0
      return held(300, tally, signal, async () => {
        const [onto, text] = requests[next++ % requests.length] ?? [ground.http, '']
        const socket = await dial(ground, onto, tally)
        if (socket === null) return null
        socket.write(text)
        tally.sent++
        const status = await Promise.race([statusOn(socket), pause(5_000, 'none', { ref: false })])
        tally.answer(status)
        return socket.resume()
      })
    },
  },
]

/** Resolves when the other end has closed, or when it is over. */
async function gone(socket: Socket, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (socket.destroyed || signal.aborted) return resolve()
    socket.once('close', resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  socket.destroy()
}
