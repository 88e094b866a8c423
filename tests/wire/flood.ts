import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

/** A peer below the WebSocket: it writes what it likes, reads when it likes, and counts bytes. */
export class Peer {
  readonly socket: Socket
  /** All received bytes. */
  received = Buffer.alloc(0)
  /** Resolves when the connection is over, on either side. */
  readonly closed: Promise<void>
  #look: () => void = () => {}

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.socket = connect(Number(port), hostname)
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
      this.#look()
    })
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        resolve()
        this.#look()
      })
    })
  }

  write(data: string | Buffer): void {
    this.socket.write(data)
  }

  /** Resolves once this was received, or the connection has ended. */
  async until(bytes: Buffer | string): Promise<void> {
    while (!this.received.includes(bytes) && !this.socket.destroyed) {
      await new Promise<void>((resolve) => (this.#look = resolve))
    }
  }

  /** Writes the same data so many times, as fast as it is accepted, while the connection lives. */
  flood(data: Buffer, times: number): void {
    let left = times
    const write = (): void => {
      while (left-- > 0 && !this.socket.destroyed && this.socket.write(data));
    }
    this.socket.on('drain', write)
    write()
  }
}

/** A request for a WebSocket, with these headers beside or instead of the ordinary ones; null leaves one out. */
export function upgradeTo(url: string, headers: Readonly<Record<string, string | null>> = {}, target?: string): string {
  const { host, pathname, search } = new URL(url)
  const all = {
    'Host': host,
    'Connection': 'Upgrade',
    'Upgrade': 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => value === null ? [] : [`${name}: ${value}\r\n`])
  return `GET ${target ?? pathname + search} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** A text frame as a client writes it, with a mask of nothing. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  if (length < 126) return Buffer.concat([Buffer.from([0x81, 0x80 | length, 0, 0, 0, 0]), payload])
  const head = Buffer.from([0x81, 0x80 | (length < 65_536 ? 126 : 127)])
  const size = Buffer.alloc(length < 65_536 ? 2 : 8)
  if (length < 65_536) size.writeUInt16BE(length)
  else size.writeBigUInt64BE(BigInt(length))
  return Buffer.concat([head, size, Buffer.alloc(4), payload])
}

/** The first two bytes of a close frame's payload: this code. */
export function closeCode(code: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(code)
  return bytes
}
