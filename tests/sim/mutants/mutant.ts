import type { ClockSource } from '../../../adapters/fleet/clock.ts'
import type { FleetClock } from '../../../adapters/fleet/fleet-clock.ts'
import type { Ports } from '../../../adapters/fleet/ports.ts'
import type { Store } from '../../../adapters/store/contract.ts'
import type { Event } from '../../../core/events/index.ts'
import type { State } from '../../../core/state.ts'
import type { Rule } from '../rules/rule.ts'
import type { Fault } from '../world/faults.ts'
import type { MemoryDisk } from '../../../adapters/store/memory-disk.ts'

/** The methods of its clock that the server uses. */
export type ServerClock = Pick<FleetClock, 'now' | 'adjust' | 'resumeFrom' | 'committed' | 'setAlarm' | 'isSet'>

/** A small mutation, put around the parts of the program, whose code is unchanged. */
export interface Mutant {
  store(store: Store, disk: MemoryDisk): Store
  ports(ports: Ports, state: State): Ports
  /** Of each process, and what it is read from. */
  clock(clock: ServerClock, dials: ClockSource): ServerClock
  /** Called with each state that is loaded, before anything is stepped. */
  state(state: State): void
  /** The event that the pump gets in place of the one that arrived. */
  event(event: Event, state: State): Event
  /** Rules to check besides the real ones. */
  readonly rules: readonly Rule[]
  /** Faults that are sure to occur, because the mutation is about them. */
  readonly certain: readonly Fault[]
}

/** A typical bug, put around the original program. It must be found within a number of seeds. */
export interface KnownMutant {
  readonly bug: string
  readonly mutant: () => Mutant
  /** The faults that it is about. */
  readonly certain?: readonly Fault[]
  /** Seeds after which it must have been found. */
  readonly within: number
}

/** The unchanged program. */
export const ORIGINAL: Mutant = {
  store: (store) => store,
  ports: (ports) => ports,
  clock: (clock) => clock,
  state: () => {},
  event: (event) => event,
  rules: [],
  certain: [],
}
