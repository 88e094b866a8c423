import type { State } from '../../../core/state.ts'
import type { Change } from '../truth/change.ts'
import type { Truth } from '../truth/truth.ts'

/** A rule that did not hold. Its number is one of the invariants'; the message is a whole sentence. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly rule: string

  constructor(rule: string, sentence: string) {
    super(`${rule}: ${sentence}`)
    this.rule = rule
  }
}

/** What a rule looks at. `state` is null when the commit landed after its process had gone. */
export interface RuleInput {
  readonly truth: Truth
  readonly change: Change
  readonly state: State | null
  /** Everything is to be counted anew, and not only what this commit has touched: now and then, and in the end. */
  readonly whole: boolean
  /** And all rows in memory are to be compared with what a restart would load. */
  readonly all: boolean
}
export type Rule = (input: RuleInput) => void

/** Throws `Violation` when the sentence does not hold. The sentence is only made where it is needed. */
export function demand(holds: boolean, rule: string, sentence: () => string): asserts holds {
  if (!holds) throw new Violation(rule, sentence())
}

/** Equal as JSON. Rows are shared with the disk, so that most comparisons end at once. */
export function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

/**
 * How many commits may have been asked for between the arrival of a frame and the end of the last turn that was begun
 * without it: one was under way, and one had taken its events and was fetching rows.
 */
export const COMMITS_BEHIND = 3
