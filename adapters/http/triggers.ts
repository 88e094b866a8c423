import { type Context, Hono } from 'hono'
import type { Answer } from '../../core/effects.ts'
import type { JobId, TriggerId } from '../../core/ids.ts'
import { toText } from '../../core/protocol/json.ts'
import { isRefusal, noTrigger, type Refusal, refuse } from '../../core/protocol/refusal.ts'
import { Firing, NewTrigger } from '../../core/protocol/request.ts'
import type { NewTriggerView } from '../../core/protocol/trigger-view.ts'
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
  const idOf = (c: Context<Env>): TriggerId => c.req.param('id') as TriggerId
  const view = (trigger: TriggerRow) => triggerView(trigger, fleet.sourceStatus(trigger.id))

  const save = async (c: Context<Env>, before: TriggerRow | undefined): Promise<Response> => {
    const body = await readBody(c, NewTrigger)
    if (isRefusal(body)) return refused(c, body)
    if (before !== undefined && body.id !== undefined && body.id !== before.id) {
      return refused(c, refuse('INVALID_PAYLOAD', 'Field id: a trigger keeps its id', { field: 'id' }))
    }
    const made = termsOf(body, before, fleet.platform)
    if (isRefusal(made)) return refused(c, made)
    const unfit = await fleet.platform.checks?.[body.trigger_type]?.(made.terms.config) ?? null
    if (unfit !== null) return refused(c, unfit)
    const answer = await fleet.request((reply) => ({
      type: 'trigger.saved',
      reply,
      trigger: before?.id ?? (body.id ?? fleet.platform.rowId()) as TriggerId,
      revision: before?.revision ?? null,
      by: c.var.key.name,
      terms: made.terms,
    }))
    return answered(
      c,
      answer,
      'trigger',
      ({ trigger }) =>
        c.json(
          { ...view(trigger), secret: made.shown } satisfies NewTriggerView,
          before === undefined ? 201 : 200,
          locationOf(c, 'triggers', trigger.id),
        ),
    )
  }

  app.post('/', admin, (c) => save(c, undefined))
  app.put('/:id', admin, (c) => {
    const trigger = fleet.state.triggers.get(idOf(c))
    return trigger === undefined ? refused(c, unknown(c)) : save(c, trigger)
  })

  app.get('/', read, async (c) => {
    const query = pageQuery(c)
    if (isRefusal(query)) return refused(c, query)
    const page = await fleet.queries.triggers(query)
    return c.json({ items: page.items.map(view), next_cursor: encodeCursor(page.next) })
  })

  app.get('/:id', read, unlessUnchanged, async (c) => {
    const trigger = await fleet.queries.trigger(idOf(c))
    return trigger === undefined ? refused(c, unknown(c)) : c.json(view(trigger))
  })

  app.get('/:id/events', read, async (c) => {
    const query = pageQuery(c)
    if (isRefusal(query)) return refused(c, query)
    const trigger = await fleet.queries.trigger(idOf(c))
    if (trigger === undefined) return refused(c, unknown(c))
    const rows = await fleet.queries.triggerEvents(trigger.id, { before: query.after?.at, limit: query.limit + 1 })
    const { items, next } = ledgerPage(rows, query, trigger.id)
    return c.json({ items: items.map(triggerEventView), next_cursor: encodeCursor(next) })
  })

  const shown = (c: Context<Env>, answer: Answer): Response =>
    answered(c, answer, 'trigger', ({ trigger }) => c.json(view(trigger)))
  const turn = async (c: Context<Env>, enabled: boolean): Promise<Response> => {
    const trigger = idOf(c)
    return shown(c, await fleet.request((reply) => ({ type: 'trigger.switched', reply, trigger, enabled })))
  }
  app.post('/:id/enable', admin, (c) => turn(c, true))
  app.post('/:id/disable', admin, (c) => turn(c, false))
  app.delete('/:id', admin, async (c) => {
    const trigger = idOf(c)
    return shown(c, await fleet.request((reply) => ({ type: 'trigger.deleted', reply, trigger })))
  })

  app.post('/:id/fire', guard(fleet, 'jobs:submit'), async (c) => {
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
  })

  return app
}

function unknown(c: Context<Env>): Refusal {
  return noTrigger(c.req.param('id') ?? '')
}
