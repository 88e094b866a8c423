import type { Turn } from './effects.ts'
import { closedTo, type Gate } from './gate.ts'
import type { Millis } from './ids.ts'
import type { JobRow } from './job.ts'
import { move } from './move.ts'
import { best } from './queue.ts'
import type { State } from './state.ts'

/** Lets through whom the gates that were left have room for. Called after every event, before dispatch. */
export function admitWaiting(state: State, turn: Turn): void {
  for (const gate of state.gates.opened) {
    for (let job = next(state, gate, turn.now); job !== undefined; job = next(state, gate, turn.now)) {
      move(state, job, 'ready', turn, { by: 'orchestrator', detail: 'another job with the same limit has ended' })
    }
  }
  state.gates.opened.clear()
}

function next(state: State, gate: Gate, now: Millis): JobRow | undefined {
  const head = best(gate.waiting, now, state.settings.agingMs, ({ id }) => {
    const job = state.jobs.get(id)
    return job !== undefined && closedTo(state, job).length === 0
  })
  return head === undefined ? undefined : state.jobs.get(head.id)
}
