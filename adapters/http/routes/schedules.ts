import { type Context, Hono } from 'hono'
import type { JobId, ScheduleId } from '../../../core/base/ids.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../../../core/base/refusal.ts'
import { Disabling, NewSchedule } from '../../../core/api/request.ts'
import { preview, upcoming } from '../../../core/records/schedule.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { newScheduleId, saveSchedule } from '../../commands/schedules.ts'
import {
  encodeCursor,
  type HonoEnv,
  ledgerPage,
  pageQuery,
  readBody,
  readOptionalBody,
  requireScope,
} from '../kit/request.ts'
import { queryNumber } from '../kit/query.ts'
import { locationOf, refused, respond } from '../kit/response.ts'
import { unlessUnchanged } from '../kit/unchanged.ts'
import { Job } from '../../../core/records/job.ts'
import { scheduleRunView, scheduleView, upcomingRunView } from '../../views/records.ts'

const PREVIEW_MAX = 100
const PREVIEW_DEFAULT = 10

/** `/api/v1/schedules`. */
export function scheduleRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  const admin = requireScope(fleet, 'admin')
  const read = requireScope(fleet, 'jobs:read')
  app.post('/', admin, (c) => save(fleet, c, 'create', newScheduleId(fleet.platform.rowId)))
  app.put('/:id', admin, (c) => save(fleet, c, 'update', idOf(c)))
  app.get('/', read, (c) => list(fleet, c))
  app.get('/upcoming', read, (c) => next(fleet, c))
  app.get('/:id', read, unlessUnchanged, (c) => detail(fleet, c))
  app.get('/:id/preview', read, (c) => previewed(fleet, c))
  app.get('/:id/runs', read, (c) => runs(fleet, c))
  app.post('/:id/enable', admin, (c) => setEnabled(fleet, c, true, ''))
  app.post('/:id/disable', admin, (c) => disable(fleet, c))
  app.post('/:id/trigger', requireScope(fleet, 'jobs:submit'), (c) => trigger(fleet, c))
  app.delete('/:id', admin, (c) => remove(fleet, c))
  return app
}

async function save(
  fleet: Fleet,
  c: Context<HonoEnv>,
  mode: 'create' | 'update',
  schedule: ScheduleId,
): Promise<Response> {
  const body = await readBody(c, NewSchedule)
  if (isRefusal(body)) return refused(c, body)
  const event = saveSchedule(body, { schedule, mode, by: c.var.key.name })
  if (isRefusal(event)) return refused(c, event)
  return respond(
    c,
    await fleet.request(event),
    'schedule',
    ({ schedule: saved }) =>
      c.json(scheduleView(saved), mode === 'create' ? 201 : 200, locationOf(c, 'schedules', saved.id)),
  )
}

async function list(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const page = await fleet.queries.schedules(query)
  return c.json({ items: page.items.map(scheduleView), next_cursor: encodeCursor(page.next) })
}

/** Those that are due next. */
function next(fleet: Fleet, c: Context<HonoEnv>): Response {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const schedules = upcoming(fleet.state.schedules.values(), query.limit)
  return c.json({ items: schedules.map(scheduleView), next_cursor: null })
}

async function detail(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const schedule = await fleet.queries.schedule(idOf(c))
  return schedule === undefined ? refused(c, noSchedule(c)) : c.json(scheduleView(schedule))
}

async function previewed(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const schedule = await fleet.queries.schedule(idOf(c))
  if (schedule === undefined) return refused(c, noSchedule(c))
  const count = queryNumber(c.req.query('count') ?? String(PREVIEW_DEFAULT))
  if (!Number.isInteger(count) || count < 1 || count > PREVIEW_MAX) {
    const message = `count must be a whole number from 1 to ${PREVIEW_MAX}`
    return refused(c, refuse('INVALID_PAYLOAD', message, { fields: ['count'] }))
  }
  const coming = preview(schedule, fleet.platform.now(), count)
  return c.json({ items: coming.map(upcomingRunView), next_cursor: null })
}

async function runs(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const schedule = await fleet.queries.schedule(idOf(c))
  if (schedule === undefined) return refused(c, noSchedule(c))
  const rows = await fleet.queries.scheduleRuns(schedule.id, { before: query.after?.at, limit: query.limit + 1 })
  const page = ledgerPage(rows, query, schedule.id)
  return c.json({ items: page.items.map(scheduleRunView), next_cursor: encodeCursor(page.next) })
}

async function disable(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const body = await readOptionalBody(c, Disabling)
  return isRefusal(body) ? refused(c, body) : setEnabled(fleet, c, false, body.note)
}

async function setEnabled(fleet: Fleet, c: Context<HonoEnv>, enabled: boolean, note: string): Promise<Response> {
  const schedule = idOf(c)
  const answer = await fleet.request((reply) => ({ type: 'schedule.switched', reply, schedule, enabled, note }))
  return respond(c, answer, 'schedule', (saved) => c.json(scheduleView(saved.schedule)))
}

/** Makes a job of a schedule at once, whenever it is due. */
async function trigger(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const schedule = idOf(c)
  const job = fleet.platform.rowId() as JobId
  const { id: key, name: by } = c.var.key
  const answer = await fleet.request((reply) => ({ type: 'schedule.triggered', reply, schedule, job, by, key }))
  return respond(
    c,
    answer,
    'job',
    (made) => c.json(Job.show(made.job), 201, locationOf(c, 'jobs', made.job.id)),
  )
}

async function remove(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const schedule = idOf(c)
  const answer = await fleet.request((reply) => ({ type: 'schedule.deleted', reply, schedule }))
  return respond(c, answer, 'schedule', (gone) => c.json(scheduleView(gone.schedule)))
}

function idOf(c: Context<HonoEnv>): ScheduleId {
  return c.req.param('id') as ScheduleId
}

function noSchedule(c: Context<HonoEnv>): Refusal {
  return notFound('Schedule', c.req.param('id') ?? '')
}
