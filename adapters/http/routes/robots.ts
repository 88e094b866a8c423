import { type Context, Hono } from 'hono'
import type { Reply } from '../../../core/reply.ts'
import type { RobotId } from '../../../core/base/ids.ts'
import { presence } from '../../../core/robots/presence.ts'
import { isRefusal, notFound } from '../../../core/base/refusal.ts'
import { NewRobot, Shutdown } from '../../../core/api/request.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { encodeCursor, type HonoEnv, pageQuery, readBody, readOptionalBody, requireScope } from '../kit/request.ts'
import { locationOf, refused, respond } from '../kit/response.ts'
import { unlessUnchanged } from '../kit/unchanged.ts'
import { reportView, robotView } from '../../views/records.ts'

/** `/api/v1/robots`. What is on record comes from the store, how they are just now from memory. */
export function robotRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  const read = requireScope(fleet, 'jobs:read')
  const admin = requireScope(fleet, 'admin')
  app.get('/', read, (c) => list(fleet, c))
  app.get('/:id', read, unlessUnchanged, (c) => detail(fleet, c))
  app.post('/', admin, (c) => save(fleet, c, undefined))
  app.put('/:id', admin, (c) => save(fleet, c, idOf(c)))
  for (const verb of ['pause', 'resume', 'shutdown'] as const) {
    app.post(`/:id/${verb}`, requireScope(fleet, 'robots:control'), (c) => control(fleet, c, verb))
  }
  app.post('/:id/status', read, (c) => report(fleet, c))
  return app
}

async function list(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const page = await fleet.queries.robots(query)
  const items = page.items.map((robot) => robotView(robot, presence(fleet.state, robot.id)))
  return c.json({ items, next_cursor: encodeCursor(page.next) })
}

async function detail(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const robot = await fleet.queries.robot(idOf(c))
  if (robot === undefined) return refused(c, notFound('Robot', idOf(c)))
  return c.json(robotView(robot, presence(fleet.state, robot.id)))
}

/** Puts a robot on record before it comes, or changes what is on record. */
async function save(fleet: Fleet, c: Context<HonoEnv>, id: RobotId | undefined): Promise<Response> {
  const body = await readBody(c, NewRobot)
  if (isRefusal(body)) return refused(c, body)
  const answer = await fleet.request((reply) => ({
    type: 'robot.saved',
    reply,
    robot: (id ?? body.id ?? fleet.platform.rowId()) as RobotId,
    mode: id === undefined ? 'create' : 'update',
    name: body.name,
    environment: body.environment,
    max_concurrent_jobs: body.max_concurrent_jobs,
    tags: body.tags,
    capabilities: body.capabilities,
  }))
  return shown(fleet, c, answer, id === undefined ? 201 : 200)
}

async function control(fleet: Fleet, c: Context<HonoEnv>, verb: 'pause' | 'resume' | 'shutdown'): Promise<Response> {
  const body = await readOptionalBody(c, Shutdown)
  if (isRefusal(body)) return refused(c, body)
  const { graceful } = body
  const robot = idOf(c)
  const answer = await fleet.request((reply) => ({ type: 'control.requested', reply, robot, control: verb, graceful }))
  return shown(fleet, c, answer, 200)
}

/** Asks a robot how it is. */
async function report(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const asked = idOf(c)
  const answer = await fleet.request((reply) => ({ type: 'status.requested', reply, robot: asked }))
  return respond(
    c,
    answer,
    'status',
    ({ robot, report: reported }) => c.json(reportView(robot, reported, presence(fleet.state, robot.id))),
  )
}

function shown(fleet: Fleet, c: Context, answer: Reply, status: 200 | 201): Response {
  return respond(
    c,
    answer,
    'robot',
    ({ robot }) => c.json(robotView(robot, presence(fleet.state, robot.id)), status, locationOf(c, 'robots', robot.id)),
  )
}

function idOf(c: Context<HonoEnv>): RobotId {
  return c.req.param('id') as RobotId
}
