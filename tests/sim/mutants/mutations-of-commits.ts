import { type Send, writesNothing } from '../../../core/turn.ts'
import type { State } from '../../../core/state.ts'
import type { Store } from '../../../adapters/store/contract.ts'
import { indexJob } from '../../../core/jobs/save.ts'
import type { KnownMutant, Mutant } from './mutant.ts'
import { ignoreFailure, sendBeforeCommit } from './mutations.ts'
import { ORIGINAL } from './mutant.ts'

/** Mutations of commits that overlap. */

/** A turn that writes nothing needs no receipt, and its messages are sent at once, though earlier turns wait for theirs. */
const emptyTurnsOvertake = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => {
    const sent = new Set<Send>()
    return {
      ...ports,
      commit: (out) => {
        const receipt = ports.commit(out)
        if (!writesNothing(out) || receipt instanceof Promise) return receipt
        for (const send of out.sends.open(receipt)) {
          sent.add(send)
          ports.deliver(send)
        }
        return receipt
      },
      deliver: (send) => void (sent.delete(send) || ports.deliver(send)),
    }
  },
})

/** A prefetch reads the disk beside the commits that are on their way to it. */
function prefetchesOvertake(): Mutant {
  let disk: Store
  return {
    ...ORIGINAL,
    store: (store) => disk = store,
    ports: (ports) => ({ ...ports, prefetch: (need) => disk.prefetch(need) }),
  }
}

/** After a commit has failed, the jobs that it would have written are still in memory. */
function lostTurnsRemembered(): Mutant {
  let failed: State | null = null
  return {
    ...ORIGINAL,
    ports: (ports, state) => ({
      ...ports,
      failed: (error) => {
        failed = state
        ports.failed(error)
      },
    }),
    state: (state) => {
      const kept = [...failed?.jobs.values() ?? []].filter(({ id }) => !state.jobs.has(id))
      for (const job of kept) {
        state.jobs.set(job.id, job)
        indexJob(state, job)
      }
      failed = null
    },
  }
}

export const COMMIT_MUTANTS: readonly KnownMutant[] = [
  {
    bug: 'send when a commit is asked for, while others are under way',
    within: 10,
    mutant: sendBeforeCommit,
    certain: ['overlappingCommits', 'slowCommit'],
  },
  {
    bug: 'go on after a failed commit, with others under way',
    within: 10,
    mutant: ignoreFailure,
    certain: ['overlappingCommits', 'failedCommit'],
  },
  {
    bug: 'turns that write nothing overtake others',
    within: 40,
    mutant: emptyTurnsOvertake,
    certain: ['overlappingCommits', 'slowCommit', 'failedCommit', 'aimedCrash'],
  },
  {
    bug: 'a prefetch overtakes commits',
    within: 40,
    mutant: prefetchesOvertake,
    certain: ['overlappingCommits', 'slowCommit', 'lostAnswer', 'hookTwice'],
  },
  {
    bug: 'what a failed commit would have written stays in memory',
    within: 20,
    mutant: lostTurnsRemembered,
    certain: ['overlappingCommits', 'slowCommit', 'failedCommit', 'burst'],
  },
]
