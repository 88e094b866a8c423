import type { FileEvent } from './settling.ts'

/** A pending event with its deduplication key: however often it is emitted, it fires once. */
export interface QueuedFileEvent {
  readonly event: FileEvent
  readonly dedupeKey: string
  /** ISO 8601. */
  readonly at: string
}

/** The number of pending events. No event is lost beyond it: a later scan finds the changes again. */
const WAITING_MAX = 10_000

/** The pending events, at most one for each path. */
export class Backlog {
  readonly #waiting = new Map<string, QueuedFileEvent>()

  get isFull(): boolean {
    return this.#waiting.size >= WAITING_MAX
  }

  /** The event that has waited the longest. */
  get first(): QueuedFileEvent | undefined {
    return this.#waiting.values().next().value
  }

  /**
   * Adds an event. It replaces an earlier one of the same path, except that a file reported as created stays so when it
   * is written to before that was emitted.
   */
  put(queued: QueuedFileEvent): void {
    const { path, type } = queued.event
    const earlier = this.#waiting.get(path)?.event
    const isNew = type === 'modified' && earlier !== undefined && earlier.type !== 'deleted'
    const event = isNew ? { ...queued.event, type: earlier.type, source: earlier.source } : queued.event
    this.#waiting.set(path, { ...queued, event })
  }

  /** Removes an event, unless a newer one of its path has replaced it. */
  done(queued: QueuedFileEvent): void {
    if (this.#waiting.get(queued.event.path) === queued) this.#waiting.delete(queued.event.path)
  }
}
