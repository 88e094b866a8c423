import { connect, type Socket } from 'node:net'

interface Answered {
  readonly status: number
  readonly body: string
}

/** One keep-alive connection, one request at a time. The cheapest client there is, so that the server is the limit. */
export interface Connection {
  request(text: string): Promise<Answered>
  close(): void
}

/** Opens a connection to this machine. A response must have a length or come in chunks. */
export function openConnection(port: number): Connection {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let pending: { resolve: (answer: Answered) => void; reject: (error: Error) => void } | null = null
  let received = ''

  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    received = received === '' ? chunk : received + chunk
    const answer = parse(received)
    if (answer === null) return
    received = ''
    const waiting = pending
    pending = null
    waiting?.resolve(answer)
  })
  const fail = (error: Error): void => {
    const waiting = pending
    pending = null
    waiting?.reject(error)
  }
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server has closed the connection')))

  return {
    request(text) {
      return new Promise((resolve, reject) => {
        pending = { resolve, reject }
        socket.write(text)
      })
    },
    close: () => void socket.destroy(),
  }
}

/** A request as it goes over the wire. */
export function requestText(method: string, path: string, key: string, body = ''): string {
  return [
    `${method} ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Authorization: Bearer ${key}`,
    ...(body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
    '',
    body,
  ].join('\r\n')
}

function parse(text: string): Answered | null {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return null
  const status = Number(text.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head))?.[1]
  const body = text.slice(head + 4)
  if (length !== undefined) return body.length < Number(length) ? null : { status, body }
  if (!body.endsWith('0\r\n\r\n')) return null
  return { status, body: unchunked(body) }
}

function unchunked(text: string): string {
  let body = ''
  for (let at = 0;;) {
    const line = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, line), 16)
    if (!(size > 0)) return body
    body += text.slice(line + 2, line + 2 + size)
    at = line + 4 + size
  }
}
