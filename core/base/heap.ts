/** An entry that knows its position, so that moving it needs no look-up of its key. */
interface Entry<K, V> {
  readonly key: K
  value: V
  at: number
}

/**
 * A binary heap with an index of keys, so that any entry can be changed or removed in O(log n). `before` must be a
 * total order; otherwise equal entries would come out in an order that depends on history.
 */
export class Heap<K, V> {
  readonly #before: (a: V, b: V) => boolean
  readonly #entries: Entry<K, V>[] = []
  readonly #byKey = new Map<K, Entry<K, V>>()

  constructor(before: (a: V, b: V) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#entries.length
  }

  has(key: K): boolean {
    return this.#byKey.has(key)
  }

  get(key: K): V | undefined {
    return this.#byKey.get(key)?.value
  }

  /** The least value, or undefined if empty. */
  peek(): V | undefined {
    return this.#entries[0]?.value
  }

  /** All values, the least first and the others in no particular order. */
  values(): readonly V[] {
    return this.#entries.map(({ value }) => value)
  }

  /**
   * The values that pass, in no particular order. If one passes, so must each before it: only these and the next ones are
   * visited.
   */
  upTo(passes: (value: V) => boolean): readonly V[] {
    const found: V[] = []
    const open = [0]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const entry = this.#entries[at]
      if (entry === undefined || !passes(entry.value)) continue
      found.push(entry.value)
      open.push(2 * at + 1, 2 * at + 2)
    }
    return found
  }

  /** Adds an entry, or changes the value of an existing one. */
  set(key: K, value: V): void {
    let entry = this.#byKey.get(key)
    if (entry === undefined) {
      entry = { key, value, at: this.#entries.length }
      this.#entries.push(entry)
      this.#byKey.set(key, entry)
    } else entry.value = value
    this.#rise(entry)
    this.#sink(entry)
  }

  delete(key: K): boolean {
    const entry = this.#byKey.get(key)
    if (entry === undefined) return false
    this.#byKey.delete(key)
    const last = this.#entries.pop() as Entry<K, V>
    if (last === entry) return true
    this.#put(last, entry.at)
    this.#rise(last)
    this.#sink(last)
    return true
  }

  /**
   * The least value that passes. Takes time proportional to the number of lesser values that do not, since entries are
   * visited in order from the top.
   */
  first(passes: (value: V) => boolean): V | undefined {
    const top = this.peek()
    if (top === undefined || passes(top)) return top
    const frontier = new Heap<number, Entry<K, V>>((a, b) => this.#before(a.value, b.value))
    const open = (at: number): void => {
      const entry = this.#entries[at]
      if (entry !== undefined) frontier.set(at, entry)
    }
    open(1)
    open(2)
    for (let least = frontier.peek(); least !== undefined; least = frontier.peek()) {
      if (passes(least.value)) return least.value
      frontier.delete(least.at)
      open(2 * least.at + 1)
      open(2 * least.at + 2)
    }
    return undefined
  }

  #put(entry: Entry<K, V>, at: number): void {
    this.#entries[at] = entry
    entry.at = at
  }

  #rise(entry: Entry<K, V>): void {
    let at = entry.at
    while (at > 0) {
      const up = this.#entries[(at - 1) >> 1] as Entry<K, V>
      if (!this.#before(entry.value, up.value)) break
      const place = up.at
      this.#put(up, at)
      at = place
    }
    if (at !== entry.at) this.#put(entry, at)
  }

  #sink(entry: Entry<K, V>): void {
    const size = this.#entries.length
    let at = entry.at
    for (;;) {
      let down = 2 * at + 1
      if (down >= size) break
      let least = this.#entries[down] as Entry<K, V>
      const right = this.#entries[down + 1]
      if (right !== undefined && this.#before(right.value, least.value)) {
        least = right
        down++
      }
      if (!this.#before(least.value, entry.value)) break
      this.#put(least, at)
      at = down
    }
    if (at !== entry.at) this.#put(entry, at)
  }
}
