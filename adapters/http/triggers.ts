import { Hono } from 'hono'
import type { TriggerId } from '../../core/ids.ts'
import { toText } from '../../core/protocol/json.ts'
import { isRefusal, refuse } from '../../core/protocol/refusal.ts'
import { NewTrigger, type TriggerAuth } from '../../core/protocol/request.ts'
import type { NewTriggerView } from '../../core/protocol/view.ts'
import type { Fleet } from '../fleet.ts'
import { hashOf, newSecret, newStandardSecret } from '../secret.ts'
import { isStandardSecret } from '../signature.ts'
import { isRange } from './address.ts'
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
    const auth = body.auth ?? (body.secret === null ? 'none' : 'secret')
    const wrong = problemWith(auth, body)
    if (wrong !== null) return refused(c, refuse('INVALID_PAYLOAD', wrong[1], { field: wrong[0] }))
    const secret = auth === 'none'
      ? null
      : body.secret ?? (auth === 'standard_webhooks' ? newStandardSecret() : newSecret())
    const signed = auth !== 'none' && auth !== 'secret'
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
      auth,
      secret: secret === null || signed ? null : hashOf(secret),
      signing: secret === null || !signed ? null : { ...UNSIGNED, ...body.signature, key: secret },
      allowFrom: body.allow_from,
    }))
    // The secret is shown this once. What is kept of it is its hash, but for one that signs: that is needed itself.
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

/** For the schemes that settle these themselves. */
const UNSIGNED = { header: '', algorithm: 'sha256', encoding: 'hex', prefix: '' } as const

/** Which field does not go with the others, and why; null when all do. */
function problemWith(
  auth: TriggerAuth,
  { secret, signature, allow_from }: NewTrigger,
): readonly [field: string, message: string] | null {
  const range = allow_from.find((text) => !isRange(text))
  if (range !== undefined) return ['allow_from', `Field allow_from: ${range} is no address and no range`]
  if (auth === 'none' && typeof secret === 'string') return ['secret', 'Field secret: auth none asks for none']
  if (auth !== 'none' && secret === null) return ['secret', `Field secret: auth ${auth} needs one`]
  if (auth === 'hmac' && signature === undefined) return ['signature', 'Missing required field: signature']
  if (auth !== 'hmac' && signature !== undefined) return ['signature', 'Field signature: only for auth hmac']
  const written = auth !== 'standard_webhooks' || typeof secret !== 'string' || isStandardSecret(secret)
  return written ? null : ['secret', 'Field secret: must be whsec_ and 24 to 64 bytes in base64']
}
