import type { Dials } from '../../adapters/clock.ts'
import type { FleetClock } from '../../adapters/fleet-clock.ts'
import type { Shell } from '../../adapters/shell.ts'
import type { Store } from '../../adapters/store/contract.ts'
import type { MemoryDisk } from '../../adapters/store/memory.ts'
import type { Event } from '../../core/event.ts'
import type { State } from '../../core/state.ts'
import type { Rule } from './rule.ts'
import type { Fault } from './weather.ts'

/** What the server asks of its clock. */
export type ServerClock = Pick<FleetClock, 'now' | 'taken' | 'begin' | 'kept' | 'wake' | 'isSet'>

/** A small mutation of the program, put around its parts: the program itself knows nothing of it. */
export interface Plant {
  store(store: Store, disk: MemoryDisk): Store
  shell(shell: Shell, state: State): Shell
  /** Of each process, and what it is read from. */
  clock(clock: ServerClock, dials: Dials): ServerClock
  /** Called with each state that is loaded, before anything is stepped. */
  state(state: State): void
  /** What the pump gets for what arrived. */
  event(event: Event, state: State): Event
  /** Rules to check besides the real ones. */
  readonly rules: readonly Rule[]
  /** Faults that are sure to be in the weather, because the mutation is about them. */
  readonly certain: readonly Fault[]
}

/** The program as it is. */
export const SOUND: Plant = {
  store: (store) => store,
  shell: (shell) => shell,
  clock: (clock) => clock,
  state: () => {},
  event: (event) => event,
  rules: [],
  certain: [],
}
