import type { FileEvent } from './settling.ts'

/** An event that is to be told of, with a name of its own: however often it is given, it fires once. */
export interface QueuedFileEvent {
  readonly event: FileEvent
  readonly dedupeKey: string
  /** ISO 8601. */
  readonly at: string
}

/** How many events may wait to be taken. Nothing is lost beyond: what has happened to a file can be seen again later. */
const WAITING_MAX = 10_000

/** The events that nobody has taken yet, at most one for each path. */
export class Backlog {
  readonly #waiting = new Map<string, QueuedFileEvent>()

  get isFull(): boolean {
    return this.#waiting.size >= WAITING_MAX
  }

  /** The one that has waited the longest. */
  get first(): QueuedFileEvent | undefined {
    return this.#waiting.values().next().value
  }

  /** The newest wins, and a file that is new stays new when it is written to before anybody was told of it. */
  put(queued: QueuedFileEvent): void {
    const { path, type } = queued.event
    const earlier = this.#waiting.get(path)?.event
    const isNew = type === 'modified' && earlier !== undefined && earlier.type !== 'deleted'
    const event = isNew ? { ...queued.event, type: earlier.type, source: earlier.source } : queued.event
    this.#waiting.set(path, { ...queued, event })
  }

  /** Takes one away, unless a newer one of its path has come meanwhile. */
  done(queued: QueuedFileEvent): void {
    if (this.#waiting.get(queued.event.path) === queued) this.#waiting.delete(queued.event.path)
  }
}
