import { Pool } from '../../../core/records/pool.ts'
import { pools } from '../../../core/api/pools.ts'
import { isRefusal } from '../../../core/base/refusal.ts'
import { handlers } from '../kit/serve.ts'

export const poolHandlers = handlers(pools, {
  create: async ({ send, body }) => {
    const reply = await send({ type: 'pool.saved', ...body })
    return isRefusal(reply) ? reply : Pool.show(reply.pool)
  },
  list: async ({ fleet }) => ({ items: (await fleet.queries.pools()).map(Pool.show), next_cursor: null }),
})
