import { reply, type Turn } from '../turn.ts'
import { markReleased, poolGroup } from './concurrency.ts'
import type { State } from '../state.ts'
import type { PoolRow } from '../records/pool.ts'
import type { PoolSaved } from '../events/robots.ts'
import { savePool } from './save.ts'

/** Creates or changes a pool. Jobs submitted earlier keep the tags that they got from it. */
export function poolSaved(state: State, event: PoolSaved, turn: Turn): void {
  const pool: PoolRow = {
    name: event.name,
    tags: event.tags,
    max_concurrent: event.max_concurrent,
    workflows: event.workflows,
    created_at: state.pools.get(event.name)?.created_at ?? turn.now,
  }
  savePool(state, pool, turn)
  markReleased(state, poolGroup(pool.name))
  reply(turn, event.reply, { type: 'pool', pool })
}
