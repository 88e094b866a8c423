import type { CommitOptions } from './commits.ts'
import type { Mutant } from '../mutants/mutant.ts'
import type { Receivers } from '../actors/receivers.ts'
import type { MemoryDisk } from '../../../adapters/store/memory-disk.ts'

export interface ServerOptions extends CommitOptions {
  readonly disk: MemoryDisk
  readonly mutant: Mutant
  readonly receivers: Receivers
  /** Its connections are gone with it. */
  readonly died: () => void
}
