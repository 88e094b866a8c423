import { type Fleet, openFleet, type Platform } from '../fleet/fleet.ts'
import type { Settings } from '../../core/settings.ts'
import type { SecretHash, SocketId } from '../../core/base/ids.ts'
import { isRefusal, type Refusal } from '../../core/base/refusal.ts'
import type { FleetHandle } from './open-fleet.ts'
import { eventOfFrame, type Frame, type RobotSocket } from '../fleet/robot-socket.ts'
import { memoryStore } from '../store/memory.ts'
import { MemoryDisk } from '../store/memory-disk.ts'

/*
 * The empty fleet serves requests from callers that a fleet does not know. It has no rows, keys or triggers, and is in
 * memory. It answers as any fleet answers unknown callers, with the same texts and limits, so an answer does not show
 * whether a fleet of that name exists. No tenant's database is opened for it.
 */

/** Opens the empty fleet of a process, or of a Worker. */
export function openEmptyFleet(platform: Platform, settings: Settings): Promise<Fleet> {
  const log: Platform['log'] = (level, message, details) => platform.log(level, message, { fleet: null, ...details })
  return openFleet(memoryStore(new MemoryDisk(false)), { ...platform, sources: {}, log }, settings, () => {})
}

/** Limits for frames received while the fleet is being opened. A robot usually waits for its `register_ack`. */
const PENDING_FRAMES_MAX = 20
const PENDING_BYTES_MAX = 1 << 20

/**
 * Connects one connection to the empty fleet until it registers with a key that its fleet knows, and then moves it to
 * that fleet, as if it had always been there. `acquire` decides.
 */
export function bindOnRegistration(
  emptyFleet: Fleet,
  acquire: (credential: SecretHash) => Promise<FleetHandle | Refusal>,
): FleetHandle {
  let connection: { readonly socket: RobotSocket; readonly rest: readonly unknown[] } | null = null
  let bound: FleetHandle | null = null
  let buffered: HeldFrames | null = null
  let isClosed = false
  let isClosing = false

  const bind = async (id: SocketId, credential: SecretHash): Promise<void> => {
    const handle = await acquire(credential)
    const frames = buffered?.frames ?? []
    buffered = null
    if (isClosed) return isRefusal(handle) ? undefined : handle.release()
    if (isRefusal(handle)) {
      if (handle.refused !== 'UNAVAILABLE') return frames.forEach((frame) => void emptyFleet.received(id, frame))
      emptyFleet.closed(id)
      return connection?.socket.close(1013, handle.message)
    }
    // Leave the empty fleet silently, and enter the other.
    emptyFleet.closed(id)
    bound = handle
    const { socket, rest } = connection as NonNullable<typeof connection>
    handle.fleet.opened(socket, ...rest as Tail<Parameters<Fleet['opened']>>)
    for (const frame of frames) handle.fleet.received(id, frame)
  }

  const own: Pick<Fleet, 'opened' | 'received' | 'closed'> = {
    opened(socket, ...rest) {
      connection = { socket, rest }
      emptyFleet.opened(socket, ...rest)
    },
    received(id, frame) {
      if (bound !== null) return bound.fleet.received(id, frame)
      if (isClosing) return false
      if (buffered !== null) return buffered.add(frame)
      const event = eventOfFrame(id, frame)
      const credential = event.type === 'robot.message' ? event.credential : null
      // A connection that exceeded its limits there stays closed here.
      if (credential === null) return !(isClosing = !emptyFleet.received(id, frame))
      buffered = new HeldFrames()
      void bind(id, credential)
      return buffered.add(frame)
    },
    closed(id) {
      isClosed = true
      const at = bound?.fleet ?? emptyFleet
      at.closed(id)
    },
  }
  return {
    // Any other member is that of the fleet that the connection belongs to at the time.
    fleet: overlaid(emptyFleet, () => bound?.fleet ?? emptyFleet, own),
    release() {
      isClosed = true
      bound?.release()
    },
  }
}

/** Frames that arrive while the fleet is being opened. Beyond the limits they are dropped. */
class HeldFrames {
  readonly frames: Frame[] = []
  #bytes = 0

  add(frame: Frame): true {
    this.#bytes += typeof frame === 'string' ? frame.length : frame.byteLength
    if (this.frames.length < PENDING_FRAMES_MAX && this.#bytes <= PENDING_BYTES_MAX) this.frames.push(frame)
    return true
  }
}

/** An object with the members of `own`, and otherwise those of the object that `below` returns at each access. */
function overlaid<T extends object>(shape: T, below: () => T, own: Partial<T>): T {
  return new Proxy(shape, {
    get(_, name) {
      const at = name in own ? own : below()
      const member: unknown = Reflect.get(at, name)
      return typeof member === 'function' ? member.bind(at) : member
    },
  })
}

type Tail<T extends readonly unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never
