import { type Context, Hono } from 'hono'
import type { Answer } from '../../core/effects.ts'
import type { JobId, TriggerId } from '../../core/ids.ts'
import { toText } from '../../core/protocol/json.ts'
import { isRefusal, noTrigger, type Refusal, refuse } from '../../core/protocol/refusal.ts'
import { Firing, NewTrigger } from '../../core/protocol/request.ts'
import type { NewTriggerView, TriggerView } from '../../core/protocol/trigger-view.ts'
import { submissionsLeft } from '../../core/rate.ts'
import type { TriggerRow } from '../../core/trigger.ts'
import type { Fleet } from '../fleet.ts'
import { idempotencyOf } from '../submission.ts'
import { termsOf } from '../trigger.ts'
import { encodeCursor, type Env, guard, ledgerPage, pageQuery, readBody, readOptionalBody } from './request.ts'
import { answered, locationOf, refused, tellQuota } from './respond.ts'
import { unlessUnchanged } from './unchanged.ts'
import { firingView, triggerEventView, triggerView } from './trigger-view.ts'

/** `/api/v1/triggers`. */
export function triggerRoutes(fleet: Fleet): Hono<Env> {
  const app = new Hono<Env>()
  const admin = guard(fleet, 'admin')
  const read = guard(fleet, 'jobs:read')
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
  app.post('/:id/fire', guard(fleet, 'jobs:submit'), (c) => fire(fleet, c))
  return app
}

/** Makes a trigger, or changes the one that there was. */
async function save(fleet: Fleet, c: Context<Env>, before: TriggerRow | undefined): Promise<Response> {
  const body = await readBody(c, NewTrigger)
  if (isRefusal(body)) return refused(c, body)
  if (before !== undefined && body.id !== undefined && body.id !== before.id) {
    return refused(c, refuse('INVALID_PAYLOAD', 'Field id: a trigger keeps its id', { field: 'id' }))
  }
  const made = termsOf(body, before, fleet.platform)
  if (isRefusal(made)) return refused(c, made)
  const configProblem = await fleet.platform.checks?.[body.trigger_type]?.(made.terms.config) ?? null
  if (configProblem !== null) return refused(c, configProblem)
  const answer = await fleet.request((reply) => ({
    type: 'trigger.saved',
    reply,
    trigger: before?.id ?? (body.id ?? fleet.platform.rowId()) as TriggerId,
    revision: before?.revision ?? null,
    by: c.var.key.name,
    terms: made.terms,
  }))
  return answered(c, answer, 'trigger', ({ trigger }) => {
    const saved: NewTriggerView = { ...viewOf(fleet, trigger), secret: made.shown }
    return c.json(saved, before === undefined ? 201 : 200, locationOf(c, 'triggers', trigger.id))
  })
}

async function list(fleet: Fleet, c: Context<Env>): Promise<Response> {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const page = await fleet.queries.triggers(query)
  return c.json({
    items: page.items.map((trigger) => viewOf(fleet, trigger)),
    next_cursor: encodeCursor(page.next),
  })
}

async function detail(fleet: Fleet, c: Context<Env>): Promise<Response> {
  const trigger = await fleet.queries.trigger(idOf(c))
  return trigger === undefined ? refused(c, unknown(c)) : c.json(viewOf(fleet, trigger))
}

async function events(fleet: Fleet, c: Context<Env>): Promise<Response> {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const trigger = await fleet.queries.trigger(idOf(c))
  if (trigger === undefined) return refused(c, unknown(c))
  const rows = await fleet.queries.triggerEvents(trigger.id, { before: query.after?.at, limit: query.limit + 1 })
  const { items, next } = ledgerPage(rows, query, trigger.id)
  return c.json({ items: items.map(triggerEventView), next_cursor: encodeCursor(next) })
}

async function setEnabled(fleet: Fleet, c: Context<Env>, enabled: boolean): Promise<Response> {
  const trigger = idOf(c)
  return shown(fleet, c, await fleet.request((reply) => ({ type: 'trigger.switched', reply, trigger, enabled })))
}

async function remove(fleet: Fleet, c: Context<Env>): Promise<Response> {
  const trigger = idOf(c)
  return shown(fleet, c, await fleet.request((reply) => ({ type: 'trigger.deleted', reply, trigger })))
}

/** Fires a trigger by hand, whatever its type. */
async function fire(fleet: Fleet, c: Context<Env>): Promise<Response> {
  const { key } = c.var
  tellQuota(c, submissionsLeft(fleet.state, key.id, fleet.platform.now()))
  const body = await readOptionalBody(c, Firing)
  if (isRefusal(body)) return refused(c, body)
  const trigger = idOf(c)
  const idempotency = idempotencyOf(c.req.header('idempotency-key'), key, body, `fire ${trigger}`)
  if (isRefusal(idempotency)) return refused(c, idempotency)
  const answer = await fleet.request((reply) => ({
    type: 'trigger.fired',
    reply,
    job: fleet.platform.rowId() as JobId,
    trigger,
    as: null,
    by: { name: key.name, key: key.id },
    payload: toText(body.payload),
    metadata: toText({ ...body.metadata, source: 'manual', fired_by: key.name }),
    idempotency,
    cursor: null,
    parent: null,
  }))
  return answered(c, answer, 'fired', (fired) =>
    c.json(
      firingView(fired),
      fired.job === null ? 200 : 201,
      fired.job === null ? {} : locationOf(c, 'jobs', fired.job.id),
    ))
}

function shown(fleet: Fleet, c: Context<Env>, answer: Answer): Response {
  return answered(c, answer, 'trigger', ({ trigger }) => c.json(viewOf(fleet, trigger)))
}

function viewOf(fleet: Fleet, trigger: TriggerRow): TriggerView {
  return triggerView(trigger, fleet.sourceStatus(trigger.id))
}

function idOf(c: Context<Env>): TriggerId {
  return c.req.param('id') as TriggerId
}

function unknown(c: Context<Env>): Refusal {
  return noTrigger(c.req.param('id') ?? '')
}
