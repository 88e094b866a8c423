import { Hono } from 'hono'
import { isRefusal } from '../../core/protocol/refusal.ts'
import { NewPool } from '../../core/protocol/request.ts'
import type { Fleet } from '../fleet.ts'
import { type Env, guard, readBody } from './request.ts'
import { answered, refused } from './respond.ts'
import { poolView } from './view.ts'

/** `/api/v1/pools`: robots under a name, by their tags. */
export function poolRoutes(fleet: Fleet): Hono<Env> {
  const app = new Hono<Env>()

  app.post('/', guard(fleet, 'admin'), async (c) => {
    const body = await readBody(c, NewPool)
    if (isRefusal(body)) return refused(c, body)
    const answer = await fleet.request((reply) => ({
      type: 'pool.saved',
      reply,
      name: body.name,
      tags: body.tags,
      maxConcurrent: body.max_concurrent,
      workflows: body.workflows,
    }))
    return answered(c, answer, 'pool', ({ pool }) => c.json(poolView(pool), 201))
  })

  app.get('/', guard(fleet, 'jobs:read'), async (c) => {
    return c.json({ items: (await fleet.queries.pools()).map(poolView), next_cursor: null })
  })

  return app
}
