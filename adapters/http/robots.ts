import { Hono } from 'hono'
import type { RobotId } from '../../core/ids.ts'
import { presence } from '../../core/presence.ts'
import { isRefusal, refuse } from '../../core/protocol/refusal.ts'
import type { Fleet } from '../fleet.ts'
import { encodeCursor, type Env, guard, pageQuery } from './request.ts'
import { refused } from './respond.ts'
import { robotView } from './view.ts'

/** `/api/v1/robots`. What is on record comes from the store, how they are just now from memory. */
export function robotRoutes(fleet: Fleet): Hono<Env> {
  const app = new Hono<Env>()
  const read = guard(fleet, 'jobs:read')

  app.get('/', read, async (c) => {
    const query = pageQuery(c)
    if (isRefusal(query)) return refused(c, query)
    const page = await fleet.queries.robots(query)
    const items = page.items.map((robot) => robotView(robot, presence(fleet.state, robot.id)))
    return c.json({ items, next_cursor: encodeCursor(page.next) })
  })

  app.get('/:id', read, async (c) => {
    const robot = await fleet.queries.robot(c.req.param('id') as RobotId)
    if (robot === undefined) {
      return refused(c, refuse('NOT_FOUND', `Robot with ID ${c.req.param('id').slice(0, 256)} not found`))
    }
    return c.json(robotView(robot, presence(fleet.state, robot.id)))
  })

  return app
}
