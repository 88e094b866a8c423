import type { Millis } from '../../../core/base/ids.ts'

/** A future event; null once it is cancelled. */
export interface AgendaEntry {
  readonly at: Millis
  readonly order: number
  run: (() => void) | null
}

/**
 * Future events, by time and then by insertion. A cancelled one stays in place until its time: nearly all events are
 * added here, so finding one by a key would cost more.
 */
export class Agenda {
  readonly #heap: AgendaEntry[] = []
  #order = 0

  add(at: Millis, run: () => void): AgendaEntry {
    const thing: AgendaEntry = { at, order: ++this.#order, run }
    const heap = this.#heap
    let place = heap.length
    while (place > 0) {
      const up = (place - 1) >> 1
      const above = heap[up] as AgendaEntry
      // Of two at one instant the one that is in there came first.
      if (above.at <= at) break
      heap[place] = above
      place = up
    }
    heap[place] = thing
    return thing
  }

  /** The next event. */
  peek(): AgendaEntry | undefined {
    while (this.#heap[0]?.run === null) this.shift()
    return this.#heap[0]
  }

  /** Takes out what happens next. */
  shift(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      let down = 2 * place + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && isBefore(heap[down + 1] as AgendaEntry, heap[down] as AgendaEntry)) down++
      const below = heap[down] as AgendaEntry
      if (!isBefore(below, last)) break
      heap[place] = below
      place = down
    }
    heap[place] = last
  }
}

function isBefore(a: AgendaEntry, b: AgendaEntry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
