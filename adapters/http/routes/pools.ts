import { Hono } from 'hono'
import { isRefusal } from '../../../core/base/refusal.ts'
import { NewPool } from '../../../core/api/request.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { type HonoEnv, readBody, requireScope } from '../kit/request.ts'
import { refused, respond } from '../kit/response.ts'
import { poolView } from '../../views/records.ts'

/** `/api/v1/pools`: robots under a name, by their tags. */
export function poolRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()

  app.post('/', requireScope(fleet, 'admin'), async (c) => {
    const body = await readBody(c, NewPool)
    if (isRefusal(body)) return refused(c, body)
    const answer = await fleet.request((reply) => ({
      type: 'pool.saved',
      reply,
      name: body.name,
      tags: body.tags,
      max_concurrent: body.max_concurrent,
      workflows: body.workflows,
    }))
    return respond(c, answer, 'pool', ({ pool }) => c.json(poolView(pool), 201))
  })

  app.get('/', requireScope(fleet, 'jobs:read'), async (c) => {
    return c.json({ items: (await fleet.queries.pools()).map(poolView), next_cursor: null })
  })

  return app
}
