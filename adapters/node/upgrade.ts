import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import { isWebSocketUpgrade } from '../fleet/robot-path.ts'

/** True if a request asks for a WebSocket. */
export function isUpgrade({ headers }: IncomingMessage): boolean {
  return isWebSocketUpgrade(headers.upgrade)
}

/** The target of an upgrade. */
export interface Target {
  readonly path: string
  readonly query: URLSearchParams
}

/** Headers that may occur only once, since a second one would be ambiguous. */
const ONCE: ReadonlySet<string> = new Set(['host', 'authorization', 'sec-websocket-key', 'sec-websocket-version'])

/** Parses the target of an upgrade: a path, or a whole URL. Refuses an ambiguous one. */
export function targetOf({ url = '', headers: { host }, rawHeaders }: IncomingMessage): Target | Refusal {
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? ''
    if (ONCE.has(name) && seen.has(name)) return refuse('INVALID_MESSAGE', `The header ${name} must not come twice`)
    seen.add(name)
  }
  if (host === undefined) return refuse('INVALID_MESSAGE', 'The header host is missing')
  if (/[/?#@\\]/.test(host) || !URL.canParse(`http://${host}/`)) {
    return refuse('INVALID_MESSAGE', 'The header host must be a host, with a port or without')
  }
  const target = url.replace(/^https?:\/\/[^/?#]*(?=[/?#]|$)/i, '')
  const [, path = '', query = ''] = /^([^?#]*)(?:\?([^#]*))?/.exec(target) ?? []
  if (!path.startsWith('/')) return refuse('INVALID_MESSAGE', 'The target must be a path')
  return { path, query: new URLSearchParams(query) }
}

/** Headers that ask for an upgrade. They are removed when a request is served without one. */
const UPGRADING: ReadonlySet<string> = new Set(['upgrade', 'http2-settings'])

/**
 * Serves a request for an upgrade that we do not offer as a plain request: returns the connection to the server with
 * the same request, without the headers that ask for the upgrade. Before Node 24.9 there is no other way to decline
 * one.
 */
export function serveAsRequest(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(i, i + 2)
    if (UPGRADING.has(name.toLowerCase())) continue
    if (name.toLowerCase() !== 'connection') lines.push(`${name}: ${value}`)
    else {
      const others = value.split(',').map((token) => token.trim()).filter((token) =>
        !UPGRADING.has(token.toLowerCase())
      )
      if (others.length > 0) lines.push(`${name}: ${others.join(', ')}`)
    }
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}
