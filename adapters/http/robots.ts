import { type Context, Hono } from 'hono'
import type { Answer } from '../../core/effects.ts'
import type { RobotId } from '../../core/ids.ts'
import { presence } from '../../core/presence.ts'
import { isRefusal, notFound, type Refusal } from '../../core/protocol/refusal.ts'
import { NewRobot, Shutdown } from '../../core/protocol/request.ts'
import type { Fleet } from '../fleet.ts'
import { encodeCursor, type Env, guard, pageQuery, readBody, readOptionalBody } from './request.ts'
import { answered, locationOf, refused } from './respond.ts'
import { unlessUnchanged } from './unchanged.ts'
import { reportView, robotView } from './view.ts'

/** `/api/v1/robots`. What is on record comes from the store, how they are just now from memory. */
export function robotRoutes(fleet: Fleet): Hono<Env> {
  const app = new Hono<Env>()
  const read = guard(fleet, 'jobs:read')
  const control = guard(fleet, 'robots:control')

  app.get('/', read, async (c) => {
    const query = pageQuery(c)
    if (isRefusal(query)) return refused(c, query)
    const page = await fleet.queries.robots(query)
    const items = page.items.map((robot) => robotView(robot, presence(fleet.state, robot.id)))
    return c.json({ items, next_cursor: encodeCursor(page.next) })
  })

  app.get('/:id', read, unlessUnchanged, async (c) => {
    const robot = await fleet.queries.robot(c.req.param('id') as RobotId)
    if (robot === undefined) return refused(c, noRobot(c.req.param('id')))
    return c.json(robotView(robot, presence(fleet.state, robot.id)))
  })

  const save = async (c: Context<Env>, id: string | undefined, status: 200 | 201): Promise<Response> => {
    const body = await readBody(c, NewRobot)
    if (isRefusal(body)) return refused(c, body)
    const answer = await fleet.request((reply) => ({
      type: 'robot.saved',
      reply,
      robot: (id ?? body.id ?? fleet.platform.rowId()) as RobotId,
      mode: id === undefined ? 'create' : 'update',
      name: body.name,
      environment: body.environment,
      maxConcurrentJobs: body.max_concurrent_jobs,
      tags: body.tags,
      capabilities: body.capabilities,
    }))
    return shown(fleet, c, answer, status)
  }
  app.post('/', guard(fleet, 'admin'), (c) => save(c, undefined, 201))
  app.put('/:id', guard(fleet, 'admin'), (c) => save(c, c.req.param('id'), 200))

  for (const verb of ['pause', 'resume', 'shutdown'] as const) {
    app.post(`/:id/${verb}`, control, async (c) => {
      const body = await readOptionalBody(c, Shutdown)
      if (isRefusal(body)) return refused(c, body)
      const answer = await fleet.request((reply) => ({
        type: 'control.requested',
        reply,
        robot: c.req.param('id') as RobotId,
        control: verb,
        graceful: body.graceful,
      }))
      return shown(fleet, c, answer, 200)
    })
  }

  app.post('/:id/status', read, async (c) => {
    const robot = c.req.param('id') as RobotId
    const answer = await fleet.request((reply) => ({ type: 'status.requested', reply, robot }))
    return answered(
      c,
      answer,
      'status',
      ({ robot, report }) => c.json(reportView(robot, report, presence(fleet.state, robot.id))),
    )
  })

  return app
}

function shown(fleet: Fleet, c: Context, answer: Answer, status: 200 | 201): Response {
  return answered(
    c,
    answer,
    'robot',
    ({ robot }) => c.json(robotView(robot, presence(fleet.state, robot.id)), status, locationOf(c, 'robots', robot.id)),
  )
}

function noRobot(id: string): Refusal {
  return notFound('Robot', id)
}
