import type { Turn } from './effects.ts'
import { blockedBy, type ConcurrencyGroup } from './gate.ts'
import type { Millis } from './ids.ts'
import type { JobRow } from './job.ts'
import { transition } from './move.ts'
import { firstWaiting } from './queue.ts'
import type { State } from './state.ts'

/** Releases the waiting jobs that concurrency groups have room for again. Called after every event, before dispatch. */
export function releaseWaiting(state: State, turn: Turn): void {
  for (const group of state.concurrency.released) {
    for (let job = nextBlocked(state, group, turn.now); job !== undefined; job = nextBlocked(state, group, turn.now)) {
      transition(state, job, 'ready', turn, { by: 'orchestrator', detail: 'another job with the same limit has ended' })
    }
  }
  state.concurrency.released.clear()
}

function nextBlocked(state: State, group: ConcurrencyGroup, now: Millis): JobRow | undefined {
  const head = firstWaiting(group.waiting, now, state.settings.agingMs, ({ id }) => {
    const job = state.jobs.get(id)
    return job !== undefined && blockedBy(state, job).length === 0
  })
  return head === undefined ? undefined : state.jobs.get(head.id)
}
