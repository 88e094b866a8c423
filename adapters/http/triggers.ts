import { Hono } from 'hono'
import type { TriggerId } from '../../core/ids.ts'
import { toText } from '../../core/protocol/json.ts'
import { isRefusal, refuse } from '../../core/protocol/refusal.ts'
import { NewTrigger } from '../../core/protocol/request.ts'
import type { NewTriggerView } from '../../core/protocol/view.ts'
import type { Fleet } from '../fleet.ts'
import { hashOf, newSecret } from '../secret.ts'
import { encodeCursor, type Env, guard, pageQuery, readBody } from './request.ts'
import { answered, refused } from './respond.ts'
import { triggerView } from './view.ts'

/** `/api/v1/triggers`. */
export function triggerRoutes(fleet: Fleet): Hono<Env> {
  const app = new Hono<Env>()
  const admin = guard(fleet, 'admin')
  const read = guard(fleet, 'jobs:read')

  app.post('/', admin, async (c) => {
    const body = await readBody(c, NewTrigger)
    if (isRefusal(body)) return refused(c, body)
    const secret = body.secret === undefined ? newSecret() : body.secret
    const answer = await fleet.request((reply) => ({
      type: 'trigger.created',
      reply,
      trigger: (body.id ?? fleet.platform.rowId()) as TriggerId,
      by: c.var.key.name,
      name: body.name,
      triggerType: body.trigger_type,
      workflow: body.workflow_id,
      priority: body.priority,
      parameters: toText(body.parameters),
      cooldownMs: Math.round(body.cooldown_seconds * 1000),
      enabled: body.enabled,
      secret: secret === null ? null : hashOf(secret),
    }))
    // The secret is shown this once: what is kept is its hash.
    return answered(
      c,
      answer,
      'trigger',
      ({ trigger }) =>
        c.json({ ...triggerView(trigger), secret } satisfies NewTriggerView, 201, {
          Location: `${c.var.base}/api/v1/triggers/${encodeURIComponent(trigger.id)}`,
        }),
    )
  })

  app.get('/', read, async (c) => {
    const query = pageQuery(c)
    if (isRefusal(query)) return refused(c, query)
    const page = await fleet.queries.triggers(query)
    return c.json({ items: page.items.map(triggerView), next_cursor: encodeCursor(page.next) })
  })

  app.get('/:id', read, async (c) => {
    const trigger = await fleet.queries.trigger(c.req.param('id') as TriggerId)
    if (trigger !== undefined) return c.json(triggerView(trigger))
    return refused(c, refuse('TRIGGER_NOT_FOUND', `Trigger with ID ${c.req.param('id').slice(0, 256)} not found`))
  })

  return app
}
