import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
// The same as its default export, without a check that refuses Deno, whose node:http works well with it: decision 5.
import { _nodeAdapter as crossws } from 'crossws/adapters/node'
import type { Message, Peer } from 'crossws'
import type { RobotId, SecretHash, SocketId } from '../../core/base/ids.ts'
import { isRefusal, type Refusal, REFUSALS, refuse } from '../../core/base/refusal.ts'
import { DEFAULT_FLEET, fleetPath } from '../fleet/path.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { FleetHandle } from '../hosting/open-fleet.ts'
import { resolveClientAddress } from '../net/client-address.ts'
import { robotCredential } from '../http/kit/request.ts'
import { headersOf, NOSNIFF, requestIdHeader } from '../http/kit/response.ts'
import { robotPageRefused } from '../net/origin.ts'
import { robotPath, robotsUrl, wrongRobotPath } from '../fleet/robot-path.ts'
import { BUFFERED_BYTES_MAX, type Frame, HARD_FRAME_BYTES_MAX } from '../fleet/robot-socket.ts'
import { isUpgrade, serveAsRequest, targetOf } from './upgrade.ts'

/** A ping is sent after this time without a frame; a peer that has not answered by the next one is disconnected. */
const IDLE_SECONDS = 30

/** The time for a peer to answer a close. */
const CLOSING_MS = 5_000

/**
 * The number of frames up to 1 kB that are ignored while a peer closes; of longer frames proportionally fewer, because
 * ignoring one costs as much as reading it. A peer that sends more is disconnected.
 */
const IGNORED_MAX = 1_000
const IGNORED_BYTES = 1_024

const SERVER_OPTIONS = { maxPayload: HARD_FRAME_BYTES_MAX, perMessageDeflate: false, closeTimeout: CLOSING_MS }

/** Finds the fleet of this name, and holds it open until the connection that asks for it has ended. */
export type FindFleet = (
  name: string,
  credential: SecretHash | null,
) => FleetHandle | Refusal | Promise<FleetHandle | Refusal>

/** For a process with one fleet. */
export function onlyFleet(fleet: Fleet): FindFleet {
  return (name) =>
    name === DEFAULT_FLEET ? { fleet, release: () => {} } : refuse('NOT_FOUND', `There is no fleet ${name}`)
}

/** The data of a connection from its upgrade. */
interface PeerContext {
  readonly fleet: Fleet
  readonly credential: SecretHash | null
  readonly robot: RobotId | null
  readonly address: string | null
  readonly socket: Duplex
  /** The number of ignored frames; null while frames are read. */
  ignored: number | null
}

/** Passes upgraded connections to their fleets. Only this file uses crossws. */
export function acceptRobots(server: Server, find: FindFleet, anyPath: boolean): void {
  const ws = crossws({
    idleTimeout: IDLE_SECONDS,
    serverOptions: SERVER_OPTIONS,
    hooks: {
      open: (peer) => void (safely(peer, () => opened(peer)) || peer.terminate()),
      message: (peer, message) => {
        const context = contextOf(peer)
        // A frame that is ignored is not even copied.
        const isRead = context.ignored === null &&
          safely(peer, (fleet) => fleet.received(peer.id as SocketId, frameOf(message)))
        if (isRead) return
        context.ignored = (context.ignored ?? 0) + Math.max(1, message.uint8Array().byteLength / IGNORED_BYTES)
        if (context.ignored > IGNORED_MAX) peer.terminate()
      },
      // Each ping is answered, even if the peer does not read the answers.
      ping: (peer) => void (buffered(peer) > BUFFERED_BYTES_MAX && peer.terminate()),
      close: (peer) => void safely(peer, (fleet) => fleet.closed(peer.id as SocketId)),
      error: () => {},
    },
  })

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const target = targetOf(request)
    const { headers } = request
    if (isRefusal(target)) return refuseUpgrade(socket, headers, target)
    const credential = robotCredential(headers.authorization, target.query)
    const at = fleetPath(target.path)
    const asked = at === null ? null : robotPath(target.path.slice(at.base.length), anyPath)
    const handle = asked === null || at === null
      ? wrongRobotPath(target.path, robotsUrl(headers.host, false, at?.base ?? ''))
      : await find(at.name, credential)
    if (isRefusal(handle)) return refuseUpgrade(socket, headers, handle)
    const { settings } = handle.fleet.state
    const page = robotPageRefused((name) => headers[name]?.toString(), settings)
    if (page !== null) {
      handle.release()
      return refuseUpgrade(socket, headers, page)
    }
    socket.once('close', handle.release)
    if (socket.destroyed) return handle.release()
    const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',')
    const context: PeerContext = {
      fleet: handle.fleet,
      socket,
      credential,
      robot: asked?.robot ?? null,
      address: resolveClientAddress(request.socket.remoteAddress, forwarded, settings.trustedProxies),
      ignored: null,
    }
    // crossws takes a peer's context from the request.
    await ws.handleUpgrade(request, socket, head, Object.assign(new Request('http://localhost/'), { context }))
  }

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!isUpgrade(request)) return serveAsRequest(server, request, socket, head)
    // A peer that resets the connection before the upgrade is complete would otherwise end the process: this socket has
    // no other error listener yet.
    socket.on('error', () => {})
    upgrade(request, socket, head).catch(() => socket.destroy())
  })
}

/** The frame as crossws has it: text frames are decoded by then, and would be encoded again. */
function frameOf(message: Message): Frame {
  return typeof message.rawData === 'string' ? message.rawData : message.uint8Array()
}

function refuseUpgrade(socket: Duplex, asked: IncomingHttpHeaders, refusal: Refusal): void {
  const { status } = REFUSALS[refusal.refused]
  const body = `${refusal.message}\n`
  const headers = Object.entries({
    ...headersOf(refusal),
    ...NOSNIFF,
    ...requestIdHeader(asked['x-request-id']?.toString()),
    'Connection': 'close',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
  })
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}\r\n${body}`)
}

function opened(peer: Peer): boolean {
  const { fleet, socket, credential, robot, address } = contextOf(peer)
  const id = peer.id as SocketId
  fleet.opened(
    {
      id,
      address,
      send: (text) => void peer.send(text),
      close(code, reason) {
        contextOf(peer).ignored ??= 0
        peer.close(code, reason)
      },
      buffered: () => buffered(peer),
    },
    credential,
    robot,
  )
  // Endless frames of megabytes and endless pings never become frames that can be counted, so bytes are counted.
  const count = (chunk: Buffer): void => {
    if (!fleet.bytesReceived(id, chunk.length)) socket.off('data', count)
  }
  socket.on('data', count)
  return true
}

function contextOf(peer: Peer): PeerContext {
  return peer.context as unknown as PeerContext // Set in `upgrade`.
}

function buffered(peer: Peer): number {
  return peer.websocket.bufferedAmount ?? 0
}

/** Runs a hook, in which a throw would end the process. Returns false after one. */
function safely(peer: Peer, run: (fleet: Fleet) => boolean | void): boolean {
  const { fleet } = contextOf(peer)
  try {
    return run(fleet) !== false
  } catch (error) {
    fleet.platform.log('error', 'a socket could not be served', { error: String(error) })
    return false
  }
}
