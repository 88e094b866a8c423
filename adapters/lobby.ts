import { type Fleet, openFleet, type Platform } from './fleet.ts'
import type { Settings } from '../core/limits.ts'
import type { SecretHash, SocketId } from '../core/ids.ts'
import { isRefusal, type Refusal } from '../core/protocol/refusal.ts'
import type { UsedFleet } from './open-fleet.ts'
import { type Frame, frameEvent, type RobotSocket } from './socket.ts'
import { MemoryDisk, memoryStore } from './store/memory.ts'

/*
 * Whoever asks for a fleet and is not known there is served by the lobby: a fleet that has no rows, no keys and no triggers,
 * in memory. It answers as any fleet answers a stranger, with the same words and the same bounds, and whether there is a
 * fleet of the name that was asked for does not show. No tenant's database is opened for it.
 */

/** Opens the lobby of a process, or of a Worker. */
export function openLobby(platform: Platform, settings: Settings): Promise<Fleet> {
  const log: Platform['log'] = (level, message, details) => platform.log(level, message, { fleet: null, ...details })
  return openFleet(memoryStore(new MemoryDisk(false)), { ...platform, sources: {}, log }, settings, () => {})
}

/** Frames that may come while the fleet is opened, and bytes in them. A robot waits for its `register_ack`. */
const HELD_MAX = 20
const HELD_BYTES_MAX = 1 << 20

/**
 * A place in the lobby for one connection. The first registration with a key that the fleet knows takes it there, as if it
 * had always been connected there; `admit` says whether it does.
 */
export function seatIn(lobby: Fleet, admit: (credential: SecretHash) => Promise<UsedFleet | Refusal>): UsedFleet {
  let arrived: { readonly socket: RobotSocket; readonly rest: readonly unknown[] } | null = null
  let inside: UsedFleet | null = null
  let held: HeldFrames | null = null
  let isGone = false
  let isDeaf = false

  const enter = async (id: SocketId, credential: SecretHash): Promise<void> => {
    const used = await admit(credential)
    const frames = held?.frames ?? []
    held = null
    if (isGone) return isRefusal(used) ? undefined : used.done()
    if (isRefusal(used)) {
      if (used.refused !== 'UNAVAILABLE') return frames.forEach((frame) => void lobby.heard(id, frame))
      lobby.closed(id)
      return arrived?.socket.close(1013, used.message)
    }
    // It leaves the lobby, which says nothing, and comes in there.
    lobby.closed(id)
    inside = used
    const { socket, rest } = arrived as NonNullable<typeof arrived>
    used.fleet.opened(socket, ...rest as Tail<Parameters<Fleet['opened']>>)
    for (const frame of frames) used.fleet.heard(id, frame)
  }

  const own: Pick<Fleet, 'opened' | 'heard' | 'closed'> = {
    opened(socket, ...rest) {
      arrived = { socket, rest }
      lobby.opened(socket, ...rest)
    },
    heard(id, frame) {
      if (inside !== null) return inside.fleet.heard(id, frame)
      if (isDeaf) return false
      if (held !== null) return held.add(frame)
      const event = frameEvent(id, frame)
      const credential = event.type === 'robot.said' ? event.credential : null
      // Said too much there, it is not listened to here either.
      if (credential === null) return !(isDeaf = !lobby.heard(id, frame))
      held = new HeldFrames()
      void enter(id, credential)
      return held.add(frame)
    },
    closed(id) {
      isGone = true
      const at = inside?.fleet ?? lobby
      at.closed(id)
    },
  }
  return {
    // Whatever else is asked is asked of where the connection is by now.
    fleet: overlaid(lobby, () => inside?.fleet ?? lobby, own),
    done() {
      isGone = true
      inside?.done()
    },
  }
}

/** What comes while the fleet is opened. Beyond the bounds it is dropped. */
class HeldFrames {
  readonly frames: Frame[] = []
  #bytes = 0

  add(frame: Frame): true {
    this.#bytes += typeof frame === 'string' ? frame.length : frame.byteLength
    if (this.frames.length < HELD_MAX && this.#bytes <= HELD_BYTES_MAX) this.frames.push(frame)
    return true
  }
}

/** An object whose members are `own`, and beside them those of whatever `below` is by then. */
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
