/**
 * A binary heap that knows where each key is, so that any entry can be changed or removed in O(log n).
 * `before` must be a total order, or equal entries would come out in an order that depends on history.
 */
export class Heap<K, V> {
  readonly #before: (a: V, b: V) => boolean
  readonly #keys: K[] = []
  readonly #values: V[] = []
  readonly #places = new Map<K, number>()

  constructor(before: (a: V, b: V) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#keys.length
  }

  has(key: K): boolean {
    return this.#places.has(key)
  }

  get(key: K): V | undefined {
    const at = this.#places.get(key)
    return at === undefined ? undefined : this.#values[at]
  }

  /** The least value, or undefined when empty. */
  peek(): V | undefined {
    return this.#values[0]
  }

  values(): readonly V[] {
    return this.#values
  }

  /** Adds an entry, or gives an existing one its new value. */
  set(key: K, value: V): void {
    const at = this.#places.get(key)
    if (at === undefined) {
      this.#put(this.#keys.length, key, value)
      this.#rise(this.#keys.length - 1)
      return
    }
    this.#values[at] = value
    this.#rise(at)
    this.#sink(this.#places.get(key) as number)
  }

  delete(key: K): boolean {
    const at = this.#places.get(key)
    if (at === undefined) return false
    const key2 = this.#keys.pop() as K
    const value = this.#values.pop() as V
    this.#places.delete(key)
    if (at < this.#keys.length) {
      this.#put(at, key2, value)
      this.#rise(at)
      this.#sink(this.#places.get(key2) as number)
    }
    return true
  }

  /**
   * The least value that passes. Costs as much as the number of lesser ones that do not, never the whole heap:
   * entries are looked at in order, from a frontier that starts at the top.
   */
  first(passes: (value: V) => boolean): V | undefined {
    const top = this.#values[0]
    if (top === undefined || passes(top)) return top
    const frontier = new Heap<number, { at: number; value: V }>((a, b) => this.#before(a.value, b.value))
    const open = (at: number): void => {
      if (at < this.#values.length) frontier.set(at, { at, value: this.#values[at] as V })
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

  #put(at: number, key: K, value: V): void {
    this.#keys[at] = key
    this.#values[at] = value
    this.#places.set(key, at)
  }

  #rise(from: number): void {
    const key = this.#keys[from] as K
    const value = this.#values[from] as V
    let at = from
    while (at > 0) {
      const up = (at - 1) >> 1
      if (!this.#before(value, this.#values[up] as V)) break
      this.#put(at, this.#keys[up] as K, this.#values[up] as V)
      at = up
    }
    if (at !== from) this.#put(at, key, value)
  }

  #sink(from: number): void {
    const size = this.#keys.length
    const key = this.#keys[from] as K
    const value = this.#values[from] as V
    let at = from
    for (;;) {
      let down = 2 * at + 1
      if (down >= size) break
      if (down + 1 < size && this.#before(this.#values[down + 1] as V, this.#values[down] as V)) down++
      if (!this.#before(this.#values[down] as V, value)) break
      this.#put(at, this.#keys[down] as K, this.#values[down] as V)
      at = down
    }
    if (at !== from) this.#put(at, key, value)
  }
}
