import type { State } from '../../../core/state.ts'
import type { Change } from '../truth/change.ts'
import type { Truth } from '../truth/truth.ts'

/** The process behind a commit. */
export interface Behind {
  /**
   * Its memory after the turn of the commit; null when the commit landed after the process had gone, or later turns
   * were stepped before it landed.
   */
  readonly state: State | null
  /** The process has not gone. */
  readonly lives: boolean
  /** The messages of all earlier turns were sent. */
  readonly isSaid: boolean
}

/** The inputs of a rule. */
export interface RuleInput extends Behind {
  readonly truth: Truth
  readonly change: Change
  /** Everything is to be counted anew, and not only what this commit has touched: now and then, and in the end. */
  readonly whole: boolean
  /** And all rows in memory are to be compared with what a restart would load. */
  readonly all: boolean
}
export type Rule = (input: RuleInput) => void
