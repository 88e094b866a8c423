import type { State } from '../../../core/state.ts'
import type { Change } from '../truth/change.ts'
import type { Truth } from '../truth/truth.ts'

/** The inputs of a rule. `state` is null when the commit landed after its process had gone. */
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
