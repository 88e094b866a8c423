/** A rule that did not hold. Its number is one of the invariants'; the message is a whole sentence. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly rule: string

  constructor(rule: string, sentence: string) {
    super(`${rule}: ${sentence}`)
    this.rule = rule
  }
}

/** Throws `Violation` when the sentence does not hold. The sentence is only made where it is needed. */
export function demand(holds: boolean, rule: string, sentence: () => string): asserts holds {
  if (!holds) throw new Violation(rule, sentence())
}

/** Equal as JSON. Rows are shared with the disk, so that most comparisons end at once. */
export function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
