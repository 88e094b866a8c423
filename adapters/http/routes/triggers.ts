import { type Context, Hono } from 'hono'
import type { Reply } from '../../../core/reply.ts'
import type { TriggerId } from '../../../core/base/ids.ts'
import { toText } from '../../../core/base/json.ts'
import { isRefusal, noTrigger, type Refusal, refuse } from '../../../core/base/refusal.ts'
import { ManualFiring, NewTrigger } from '../../../core/api/request.ts'
import type { NewTriggerView, TriggerView } from '../../../core/api/trigger-view.ts'
import { submissionsLeft } from '../../../core/limiter/rates.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { idempotencyOf } from '../../commands/jobs.ts'
import { triggerSettings } from '../../commands/triggers.ts'
import { fireTrigger } from '../../triggers/fire.ts'
import {
  encodeCursor,
  type HonoEnv,
  ledgerPage,
  pageQuery,
  readBody,
  readOptionalBody,
  requireScope,
} from '../kit/request.ts'
import { locationOf, refused, respond, setQuotaHeaders } from '../kit/response.ts'
import { unlessUnchanged } from '../kit/unchanged.ts'
import { firingView, triggerEventView, triggerView } from '../../views/triggers.ts'

/** `/api/v1/triggers`. */
export function triggerRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  const admin = requireScope(fleet, 'admin')
  const read = requireScope(fleet, 'jobs:read')
  app.post('/', admin, (c) => save(fleet, c, undefined))
  app.put('/:id', admin, (c) => {
    const trigger = fleet.state.triggers.get(idOf(c))
    return trigger === undefined ? refused(c, unknown(c)) : save(fleet, c, trigger)
  })
  app.get('/', read, (c) => list(fleet, c))
  app.get('/:id', read, unlessUnchanged, (c) => detail(fleet, c))
  app.get('/:id/events', read, (c) => events(fleet, c))
  app.post('/:id/enable', admin, (c) => setEnabled(fleet, c, true))
  app.post('/:id/disable', admin, (c) => setEnabled(fleet, c, false))
  app.delete('/:id', admin, (c) => remove(fleet, c))
  app.post('/:id/fire', requireScope(fleet, 'jobs:submit'), (c) => fire(fleet, c))
  return app
}

/** Makes a trigger, or changes the one that there was. */
async function save(fleet: Fleet, c: Context<HonoEnv>, before: TriggerRow | undefined): Promise<Response> {
  const body = await readBody(c, NewTrigger)
  if (isRefusal(body)) return refused(c, body)
  if (before !== undefined && body.id !== undefined && body.id !== before.id) {
    return refused(c, refuse('INVALID_PAYLOAD', 'Field id: a trigger keeps its id', { fields: ['id'] }))
  }
  const made = triggerSettings(body)
  if (isRefusal(made)) return refused(c, made)
  const configProblem = await fleet.platform.configChecks?.[body.trigger_type]?.(made.settings.config) ?? null
  if (configProblem !== null) return refused(c, configProblem)
  const answer = await fleet.request((reply) => ({
    type: 'trigger.saved',
    reply,
    trigger: before?.id ?? (body.id ?? fleet.platform.rowId()) as TriggerId,
    revision: before?.revision ?? null,
    by: c.var.key.name,
    ...made,
  }))
  return respond(c, answer, 'saved_trigger', ({ trigger, shown: secret }) => {
    const saved: NewTriggerView = { ...viewOf(fleet, trigger), secret: secret?.reveal() ?? null }
    return c.json(saved, before === undefined ? 201 : 200, locationOf(c, 'triggers', trigger.id))
  })
}

async function list(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const page = await fleet.queries.triggers(query)
  return c.json({
    items: page.items.map((trigger) => viewOf(fleet, trigger)),
    next_cursor: encodeCursor(page.next),
  })
}

async function detail(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const trigger = await fleet.queries.trigger(idOf(c))
  return trigger === undefined ? refused(c, unknown(c)) : c.json(viewOf(fleet, trigger))
}

async function events(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const trigger = await fleet.queries.trigger(idOf(c))
  if (trigger === undefined) return refused(c, unknown(c))
  const rows = await fleet.queries.triggerEvents(trigger.id, { before: query.after?.at, limit: query.limit + 1 })
  const { items, next } = ledgerPage(rows, query, trigger.id)
  return c.json({ items: items.map(triggerEventView), next_cursor: encodeCursor(next) })
}

async function setEnabled(fleet: Fleet, c: Context<HonoEnv>, enabled: boolean): Promise<Response> {
  const trigger = idOf(c)
  return shown(fleet, c, await fleet.request((reply) => ({ type: 'trigger.switched', reply, trigger, enabled })))
}

async function remove(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const trigger = idOf(c)
  return shown(fleet, c, await fleet.request((reply) => ({ type: 'trigger.deleted', reply, trigger })))
}

/** Fires a trigger by hand, whatever its type. */
async function fire(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const { key } = c.var
  setQuotaHeaders(c, submissionsLeft(fleet.state, key.id, fleet.platform.now()))
  const body = await readOptionalBody(c, ManualFiring)
  if (isRefusal(body)) return refused(c, body)
  const trigger = idOf(c)
  const idempotency = idempotencyOf(c.req.header('idempotency-key'), key, body, `fire ${trigger}`)
  if (isRefusal(idempotency)) return refused(c, idempotency)
  const answer = await fleet.request(fireTrigger(fleet.platform, {
    trigger,
    as: null,
    by: { name: key.name, key: key.id },
    payload: toText(body.payload),
    metadata: toText({ ...body.metadata, source: 'manual', fired_by: key.name }),
    idempotency,
  }))
  return respond(c, answer, 'fired', (fired) =>
    c.json(
      firingView(fired),
      fired.job === null ? 200 : 201,
      fired.job === null ? {} : locationOf(c, 'jobs', fired.job.id),
    ))
}

function shown(fleet: Fleet, c: Context<HonoEnv>, answer: Reply): Response {
  return respond(c, answer, 'trigger', ({ trigger }) => c.json(viewOf(fleet, trigger)))
}

function viewOf(fleet: Fleet, trigger: TriggerRow): TriggerView {
  return triggerView(trigger, fleet.sourceStatus(trigger.id))
}

function idOf(c: Context<HonoEnv>): TriggerId {
  return c.req.param('id') as TriggerId
}

function unknown(c: Context<HonoEnv>): Refusal {
  return noTrigger(c.req.param('id') ?? '')
}
