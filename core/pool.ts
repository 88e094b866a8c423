import { answer, type Turn } from './effects.ts'
import type { PoolSaved } from './event.ts'
import { poolGate, touchGate } from './gate.ts'
import { keepPool } from './keep.ts'
import type { PoolRow, State } from './state.ts'

/** A pool is made or changed. Jobs that were submitted before keep the tags that they asked for then. */
export function poolSaved(state: State, event: PoolSaved, turn: Turn): void {
  const pool: PoolRow = {
    name: event.name,
    tags: event.tags,
    max_concurrent: event.maxConcurrent,
    workflows: event.workflows,
    created_at: state.pools.get(event.name)?.created_at ?? turn.now,
  }
  keepPool(state, pool, turn)
  touchGate(state, poolGate(pool.name))
  answer(turn, event.reply, { type: 'pool', pool })
}
