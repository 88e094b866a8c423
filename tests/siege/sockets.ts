import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import type { Ground } from './ground.ts'
import type { Tally } from './tally.ts'

/** Connections of somebody who means no good: raw, so that they cost the attacker little and can do what no client does. */

/** A TCP connection to one of the ports; `onto` is a URL of it. Resolves once it is open, or to null where it never is. */
export async function dial(ground: Ground, onto: string, tally: Tally): Promise<Socket | null> {
  const { hostname, port } = new URL(onto)
  const socket = connect({
    host: hostname,
    port: Number(port),
    ...(ground.from === undefined ? {} : { localAddress: ground.from }),
  })
  socket.on('error', () => {})
  tally.sockets++
  socket.on('close', () => tally.closed++)
  try {
    await once(socket, 'connect')
    return socket
  } catch {
    return null
  }
}

/** A connection that has been upgraded to a WebSocket, or null where that is refused. What comes on it stays unread. */
export async function upgraded(ground: Ground, tally: Tally, path?: string): Promise<Socket | null> {
  const { host, pathname } = new URL(ground.robots)
  const socket = await dial(ground, ground.robots, tally)
  if (socket === null) return null
  socket.write(
    `GET ${path ?? pathname} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  )
  const status = await statusOn(socket)
  tally.answer(status)
  if (status === 101) return socket
  socket.destroy()
  return null
}

/** The status with which an answer on a connection begins; 0 where none comes. */
export async function statusOn(socket: Socket): Promise<number> {
  const chunk = await new Promise<Buffer | null>((resolve) => {
    socket.once('data', resolve)
    socket.once('close', () => resolve(null))
  })
  socket.pause()
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk?.toString('latin1') ?? '')?.[1] ?? 0)
}

/** Writes, and resolves when there is room again or the connection is gone. */
export async function pour(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  if (socket.destroyed || socket.write(bytes)) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      for (const event of ['drain', 'close'] as const) socket.off(event, go)
      signal.removeEventListener('abort', go)
      resolve()
    }
    for (const event of ['drain', 'close'] as const) socket.on(event, go)
    signal.addEventListener('abort', go)
  })
}

/** An HTTP client that keeps its connections. */
export class Asker {
  readonly #ground: Ground
  readonly #tally: Tally
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })

  constructor(ground: Ground, tally: Tally) {
    this.#ground = ground
    this.#tally = tally
  }

  /** Sends a request and resolves with the status and the body; 0 if there is no answer. Every answer is counted. */
  ask(
    method: string,
    path: string,
    { headers = {}, body }: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { hostname, port } = new URL(this.#ground.http)
    this.#tally.sent++
    return new Promise((resolve) => {
      const end = (status: number, text: string): void => {
        this.#tally.answer(status)
        resolve({ status, text })
      }
      const asked = request({
        agent: this.#agent,
        method,
        host: hostname,
        port,
        path,
        headers: {
          ...headers,
          ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }),
        },
        ...(this.#ground.from === undefined ? {} : { localAddress: this.#ground.from }),
      }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('error', () => {})
        response.on('close', () => end(response.statusCode ?? 0, text))
      })
      asked.on('error', () => end(0, ''))
      asked.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
