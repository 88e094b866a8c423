/**
 * The remaining cost of evaluating one event. Every visited value is a step, and so is a number of compared characters;
 * selected values cost characters. It is checked while it is spent, so no payload and no path can exceed it.
 */
export class Budget {
  #steps: number
  #chars: number

  constructor(steps = STEPS_MAX, chars = PICKED_CHARS_MAX) {
    this.#steps = steps
    this.#chars = chars
  }

  /** Throws `BudgetExceeded` when nothing is left. */
  step(steps = 1): void {
    this.#steps -= steps
    if (this.#steps < 0) throw new BudgetExceeded('steps')
  }

  /** The same for characters that are picked. */
  pick(chars: number): void {
    this.#chars -= chars
    if (this.#chars < 0) throw new BudgetExceeded('chars')
  }
}

/** A fifth more than a payload may have values: less than 20 ms in all. */
export const STEPS_MAX = 120_000

/** More would not fit into a message to a robot. */
export const PICKED_CHARS_MAX = 1 << 20

/** There is no more to spend. Thrown by a budget; where the budget was given it becomes a refusal. */
export class BudgetExceeded extends Error {
  readonly of: 'steps' | 'chars'

  constructor(of: 'steps' | 'chars') {
    super(`no more ${of} to spend`)
    this.of = of
  }
}
