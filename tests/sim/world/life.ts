import type { Store } from '../../../adapters/store/contract.ts'
import type { State } from '../../../core/state.ts'
import type { TurnLoop } from '../../../adapters/fleet/turn-loop.ts'
import type { Writer } from './writer.ts'

/** One state with its pump, from loading to its end. What still comes back to it after that finds it over. */
export interface Life {
  over: boolean
  readonly store: Store
  /** Brings its turns to the disk. */
  readonly writer: Writer
  state: State | null
  pump: TurnLoop | null
  /** The number of the last turn that was stepped. Memory is as it was after that one. */
  stepped: number
  /** The number of messages that it can still send before it dies. */
  sendsLeft: number
}
