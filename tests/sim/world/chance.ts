import { type Rng, rng } from '../../../core/base/random.ts'

/** Chance, decided by a seed and a name. */
export class Chance {
  readonly #next: Rng

  constructor(seed: number, name: string) {
    let mixed = Math.imul(seed, 0x9e3779b1)
    for (let i = 0; i < name.length; i++) mixed = Math.imul(mixed ^ name.charCodeAt(i), 0x85ebca6b) ^ (mixed >>> 13)
    this.#next = rng(mixed)
  }

  happens(probability: number): boolean {
    return this.#next() < probability
  }

  /** A number from `low` up to `high`. */
  between(low: number, high: number): number {
    return low + this.#next() * (high - low)
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1))
  }

  /** Between `low` and `high`, small values as likely as large ones are on a logarithmic scale. */
  spread(low: number, high: number): number {
    return low * (high / low) ** this.#next()
  }

  /** The time until something that happens so often happens next. */
  wait(mean: number): number {
    return -Math.log(1 - this.#next()) * mean
  }

  pick<T>(items: readonly [T, ...T[]]): T
  pick<T>(items: readonly T[]): T | undefined
  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#next() * items.length)]
  }

  /** Some of them. */
  some<T>(items: readonly T[], probability: number): T[] {
    return items.filter(() => this.happens(probability))
  }
}
