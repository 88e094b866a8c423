import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import { setPeerAddress } from '../net/client-address.ts'
import { NOSNIFF, requestIdHeader } from '../http/kit/response.ts'
import { Problem } from './problem.ts'
import { acceptRobots, type FindFleet } from './robots.ts'
import { isUpgrade } from './upgrade.ts'

/** Timeouts for headers and for a whole request, and the interval at which they are checked. */
const HEADERS_MS = 10_000
const REQUEST_MS = 30_000
const LOOK_MS = 2_000

/** The time for connections to close. */
const CLOSE_MS = 1_000

/** The time for a started request to finish while the process stops. */
const FINISH_MS = 5_000
/**
 * The time without any request after which, while stopping, connections without a request are closed: a request may be
 * on its way, and closing would lose it. One that does arrive is answered, and its client is told to close the
 * connection.
 */
const LULL_MS = 500
/** The interval at which that is checked. */
const LULL_LOOK_MS = 50

/** The names of the settings, for messages about them. */
export interface SettingNames {
  readonly host: string
  readonly http: string
  readonly robots: string
}

const FLAGS: SettingNames = { host: '--host', http: '--http-port', robots: '--robot-port' }

type Called = { readonly host: string; readonly port: string }

export interface Listener {
  readonly port: number
  /** From now on each answer closes its connection, so that clients look for another server. */
  drain(): void
  /** Accepts no more connections, and resolves when every request is answered or has timed out. */
  finish(): Promise<void>
  /** Closes every connection. */
  close(): Promise<void>
}

/** Serves the HTTP API, and robots at `/ws`, `/ws/robot/{robot_id}` and the same below `/fleets/{name}`. */
export function listenHttp(
  fetch: (request: Request) => Response | Promise<Response>,
  find: FindFleet,
  host: string,
  port: number,
  names: SettingNames = FLAGS,
): Promise<Listener> {
  const server = newServer(getRequestListener((request, { incoming }) => {
    setPeerAddress(request, incoming.socket.remoteAddress)
    return fetch(request)
  }))
  acceptRobots(server, find, false)
  return listen(server, host, port, { host: names.host, port: names.http })
}

/** Serves robots, on any path; below `/fleets/{name}` the robots of that fleet. */
export function listenRobots(
  find: FindFleet,
  host: string,
  port: number,
  names: SettingNames = FLAGS,
): Promise<Listener> {
  const server = newServer((request, response) => {
    const named = requestIdHeader(request.headers['x-request-id']?.toString())
    const headers = {
      ...NOSNIFF,
      ...named,
      'Content-Type': 'text/plain',
      'Connection': 'close',
      'Upgrade': 'websocket',
    }
    response.writeHead(426, headers)
    response.end('Robots connect here by WebSocket.\n')
  })
  acceptRobots(server, find, true)
  return listen(server, host, port, { host: names.host, port: names.robots })
}

/** The unanswered requests of a server, and whether it is stopping. */
interface Work {
  readonly open: Set<ServerResponse>
  /** The instant of the last request, on the monotonic clock. */
  askedAt: number
  isDraining: boolean
  /** Called when the last answer has been sent. */
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
    // From Node 24.9 on, and on Deno. Without this option, such a request returns from `acceptRobots`.
    shouldUpgradeCallback: isUpgrade,
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

/** Stops a server without losing requests or answers under way. */
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
      const { port: bound } = server.address() as AddressInfo
      resolve({ port: bound, ...endOf(server), close: () => close(server) })
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
    // Deno's code for an address that no interface has.
    case 'EINVAL':
      return `this machine has no address ${host}; set ${called.host}`
    default:
      return `cannot listen on ${host} port ${port}: ${error.message}`
  }
}

/**
 * Closes listeners. Does not wait for a robot that ignores the close, which would hold its connection open for ever.
 */
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
