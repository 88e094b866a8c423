import { assert } from './assert.ts'

/**
 * Proof that one turn's writes are durable. Only a store makes one: the private field keeps any other object from
 * passing for it, and a test keeps `new Receipt` inside `adapters/store/`.
 */
export class Receipt {
  readonly #durable = true
  readonly turn: number

  constructor(turn: number) {
    this.turn = turn
  }

  get durable(): boolean {
    return this.#durable
  }
}

/** Messages that would be false if the turn that produced them were lost. */
export class Sealed<T> {
  readonly turn: number
  readonly #items: T[] = []

  constructor(turn: number) {
    this.turn = turn
  }

  push(item: T): void {
    this.#items.push(item)
  }

  get size(): number {
    return this.#items.length
  }

  /** Breaks the seal. Throws `Bug` with a receipt of another turn. */
  open(receipt: Receipt): readonly T[] {
    assert(receipt.durable && receipt.turn === this.turn, 'a receipt opens only its own turn')
    return this.#items
  }
}
