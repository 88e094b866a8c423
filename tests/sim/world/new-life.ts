import type { Prefetched } from '../../../core/prefetch.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import type { Chance } from './chance.ts'
import type { Commits } from './commits.ts'
import type { Life } from './life.ts'
import type { ServerOptions } from './server-options.ts'
import { Writer } from './writer.ts'

/** A life that has loaded nothing yet. `chance` decides what happens to its commits. */
export function newLife(options: ServerOptions, commits: Commits, chance: Chance, kill: (why: string) => void): Life {
  const { world, faults, truth, mutant, disk } = options
  const store = mutant.store(memoryStore(disk), disk)
  const writer = new Writer({
    world,
    faults,
    chance,
    commitsMax: truth.commitsMax,
    lives: () => !life.over,
    settle: () => world.settleFirst(() => life.pump?.isIdle === true),
    write: (out) => commits.write(life, out),
    writeLate: (out) => commits.writeLate(life, out),
    read: (need) => store.prefetch(need) as Prefetched,
    kill,
    dieAfter: (sends) => void (life.sendsLeft = sends),
  })
  const life: Life = { over: false, store, writer, state: null, pump: null, stepped: 0, sendsLeft: Infinity }
  return life
}
