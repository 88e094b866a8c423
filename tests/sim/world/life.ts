import type { Store } from '../../../adapters/store/contract.ts'
import type { State } from '../../../core/state.ts'
import type { TurnLoop } from '../../../adapters/fleet/turn-loop.ts'

/** One state with its pump, from loading to its end. What still comes back to it after that finds it over. */
export interface Life {
  over: boolean
  readonly store: Store
  state: State | null
  pump: TurnLoop | null
  /** The commit that is under way, which a crash may find done or not. */
  pendingCommit: (() => void) | null
  /** The number of messages that it can still send before it dies. */
  sendsLeft: number
}
