import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
// The same as its default export, less a check that refuses Deno, whose node:http serves it well: decision 5.
import { _nodeAdapter as crossws } from 'crossws/adapters/node'
import type { Peer } from 'crossws'
import type { RobotId, SecretHash, SocketId } from '../../core/ids.ts'
import { isRefusal, type Refusal, REFUSALS, refuse } from '../../core/protocol/refusal.ts'
import { DEFAULT_FLEET, fleetPath } from '../fleet-path.ts'
import type { Fleet } from '../fleet.ts'
import type { UsedFleet } from '../open-fleet.ts'
import { noteAddress, senderOf } from '../http/address.ts'
import { keyShown } from '../http/request.ts'
import { headersOf, NOSNIFF } from '../http/respond.ts'
import { robotPageRefused } from '../origin.ts'
import { elsewhere, robotPath, robotsUrl } from '../robot-path.ts'
import { HARD_FRAME_BYTES_MAX } from '../socket.ts'
import { Problem } from './problem.ts'

/** A transport ping after this long without a frame; a peer that does not answer by the next one is gone. */
const IDLE_SECONDS = 30

/** How long headers and a body may take to arrive, and how often it is looked who has taken longer. */
const HEADERS_MS = 10_000
const REQUEST_MS = 30_000
const LOOK_MS = 2_000

/** How long connections may take to close. */
const CLOSE_MS = 1_000

/** How long a request that has begun may take to come to its end once the process is to stop. */
const FINISH_MS = 5_000
/**
 * How long nobody may have asked for anything before connections without a request are closed then: one may be on its way,
 * which a close would lose. A request that does come is answered, and its client told to close.
 */
const LULL_MS = 500
/** How often that is looked at. */
const LULL_LOOK_MS = 50

/** What the settings are called, for messages about them. */
export interface Names {
  readonly host: string
  readonly http: string
  readonly robots: string
}

const FLAGS: Names = { host: '--host', http: '--http-port', robots: '--robot-port' }

type Called = { readonly host: string; readonly port: string }

export interface Listener {
  readonly port: number
  /** From here on each answer ends its connection, so that clients look for another server. */
  drain(): void
  /** Takes no more connections, and resolves when each request that has come is answered, or has taken too long. */
  finish(): Promise<void>
  /** Ends every connection. */
  close(): Promise<void>
}

/** The fleet of this name, held open until the connection that asks for it has ended. */
export type FindFleet = (
  name: string,
  credential: SecretHash | null,
) => UsedFleet | Refusal | Promise<UsedFleet | Refusal>

/** For a process with one fleet. */
export function onlyFleet(fleet: Fleet): FindFleet {
  return (name) => name === DEFAULT_FLEET ? { fleet, done: () => {} } : refuse('NOT_FOUND', `There is no fleet ${name}`)
}

/** Serves the HTTP API, and robots at `/ws`, `/ws/robot/{robot_id}` and the same below `/fleets/{name}`. */
export function listenHttp(
  fetch: (request: Request) => Response | Promise<Response>,
  find: FindFleet,
  host: string,
  port: number,
  names: Names = FLAGS,
): Promise<Listener> {
  const server = newServer(getRequestListener((request, { incoming }) => {
    noteAddress(request, incoming.socket.remoteAddress)
    return fetch(request)
  }))
  acceptRobots(server, find, false)
  return listen(server, host, port, { host: names.host, port: names.http })
}

/** Serves robots, at whatever path they ask for; below `/fleets/{name}` those of that fleet. */
export function listenRobots(find: FindFleet, host: string, port: number, names: Names = FLAGS): Promise<Listener> {
  const server = newServer((_request, response) => {
    response.writeHead(426, { ...NOSNIFF, 'Content-Type': 'text/plain', 'Connection': 'close', 'Upgrade': 'websocket' })
    response.end('Robots connect here by WebSocket.\n')
  })
  acceptRobots(server, find, true)
  return listen(server, host, port, { host: names.host, port: names.robots })
}

/** What is asked of a server and not answered yet, and whether it is coming to its end. */
interface Work {
  readonly open: Set<ServerResponse>
  /** When the last request came, by what is steady. */
  askedAt: number
  isDraining: boolean
  /** Is called when the last answer is out. */
  done: () => void
}

const works = new WeakMap<Server, Work>()

function newServer(listener: RequestListener): Server {
  const work: Work = { open: new Set(), askedAt: 0, isDraining: false, done: () => {} }
  const server = createServer({
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: 15_000,
    connectionsCheckingInterval: LOOK_MS,
  }, (request, response) => {
    if (work.isDraining) response.shouldKeepAlive = false
    work.askedAt = performance.now()
    work.open.add(response)
    response.once('close', () => {
      work.open.delete(response)
      if (work.open.size === 0) work.done()
    })
    listener(request, response)
  })
  works.set(server, work)
  return server
}

/** How a server comes to its end without losing what is on its way to it or from it. */
function endOf(server: Server): Pick<Listener, 'drain' | 'finish'> {
  const work = works.get(server) as Work // `newServer` has put it there.
  function drain(): void {
    work.isDraining = true
    for (const response of work.open) response.shouldKeepAlive = false
  }
  return {
    drain,
    async finish() {
      drain()
      const begun = performance.now()
      const quietFor = (): number => performance.now() - Math.max(begun, work.askedAt)
      while (await connections(server) > 0 && quietFor() < LULL_MS && performance.now() - begun < FINISH_MS) {
        await setTimeout(LULL_LOOK_MS)
      }
      server.close()
      server.closeIdleConnections()
      if (work.open.size === 0) return
      const timer = new AbortController()
      await Promise.race([
        new Promise<void>((resolve) => void (work.done = resolve)),
        setTimeout(FINISH_MS, undefined, { signal: timer.signal }).catch(() => {}),
      ])
      timer.abort()
    },
  }
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((error, count) => resolve(error === null ? count : 1)))
}

function listen(server: Server, host: string, port: number, called: Called): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new Problem(reasonFor(error, host, port, called))))
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      const { port } = server.address() as AddressInfo
      resolve({ port, ...endOf(server), close: () => close(server) })
    })
  })
}

function reasonFor(error: NodeJS.ErrnoException, host: string, port: number, called: Called): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is in use; stop what uses it, or choose another with ${called.port}`
    case 'EACCES':
      return `port ${port} on ${host} may not be opened by this user; choose one above 1023 with ${called.port}`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    // What Deno says of an address that no interface has.
    case 'EINVAL':
      return `this machine has no address ${host}; set ${called.host}`
    default:
      return `cannot listen on ${host} port ${port}: ${error.message}`
  }
}

/** Closes listeners. A robot that does not answer the close would hold its connection open for ever: it is not waited for. */
export async function closeAll(listeners: readonly Listener[]): Promise<void> {
  const timer = new AbortController()
  await Promise.race([
    Promise.all(listeners.map((listener) => listener.close())),
    setTimeout(CLOSE_MS, undefined, { signal: timer.signal }).catch(() => {}),
  ])
  timer.abort()
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** Hands upgraded connections to their fleets. crossws stays inside this function. */
function acceptRobots(server: Server, find: FindFleet, anywhere: boolean): void {
  const ws = crossws({
    idleTimeout: IDLE_SECONDS,
    serverOptions: { maxPayload: HARD_FRAME_BYTES_MAX, perMessageDeflate: false },
    hooks: {
      open: (peer) => safely(peer, (fleet) => opened(fleet, peer)),
      message: (peer, message) => safely(peer, (fleet) => fleet.heard(peer.id as SocketId, message.uint8Array())),
      close: (peer) => safely(peer, (fleet) => fleet.closed(peer.id as SocketId)),
      error: () => {},
    },
  })

  async function seat(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    const at = fleetPath(path)
    const credential = keyShown(
      request.headers.authorization,
      new URLSearchParams((request.url ?? '/').slice(path.length)),
    )
    const asked = at === null ? null : robotPath(path.slice(at.base.length), anywhere)
    const used = asked === null || at === null
      ? elsewhere(path, robotsUrl(request.headers.host, false, at?.base ?? ''))
      : await find(at.name, credential)
    if (isRefusal(used)) return turnAway(socket, used)
    const page = robotPageRefused((name) => request.headers[name]?.toString(), used.fleet.state.settings)
    if (page !== null) {
      used.done()
      return turnAway(socket, page)
    }
    socket.once('close', used.done)
    if (socket.destroyed) return used.done()
    const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',')
    const address = senderOf(request.socket.remoteAddress, forwarded, used.fleet.state.settings.trustedProxies)
    // The request is where crossws takes a peer's context from.
    const seated = Object.assign(new Request('http://localhost/'), {
      context: { fleet: used.fleet, robot: asked?.robot ?? null, credential, address },
    })
    await ws.handleUpgrade(request, socket, head, seated)
  }

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // A peer that resets the connection before the upgrade is done would otherwise end the process: nobody else
    // listens for errors on this socket yet.
    socket.on('error', () => {})
    seat(request, socket, head).catch(() => socket.destroy())
  })
}

function turnAway(socket: Duplex, refusal: Refusal): void {
  const { status } = REFUSALS[refusal.refused]
  const body = `${refusal.message}\n`
  const headers = Object.entries({
    ...headersOf(refusal),
    ...NOSNIFF,
    'Connection': 'close',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
  })
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}\r\n${body}`)
}

function opened(fleet: Fleet, peer: Peer): void {
  fleet.opened(
    {
      id: peer.id as SocketId,
      address: peer.context['address'] as string | null,
      send: (text) => void peer.send(text),
      close: (code, reason) => peer.close(code, reason),
      buffered: () => peer.websocket.bufferedAmount ?? 0,
    },
    peer.context['credential'] as SecretHash | null,
    peer.context['robot'] as RobotId | null,
  )
}

/** A throw in a crossws hook would end the process. */
function safely(peer: Peer, run: (fleet: Fleet) => void): void {
  const fleet = peer.context['fleet'] as Fleet // As `seat` has put it there.
  try {
    run(fleet)
  } catch (error) {
    fleet.platform.log('error', 'a socket could not be served', { error: String(error) })
  }
}
