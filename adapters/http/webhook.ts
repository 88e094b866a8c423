import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import * as v from 'valibot'
import type { JobId, JsonText, TriggerId } from '../../core/ids.ts'
import { problemsOf } from '../../core/protocol/decode.ts'
import { isObject, toText } from '../../core/protocol/json.ts'
import { isRefusal, type Refusal, REFUSALS, refuse } from '../../core/protocol/refusal.ts'
import { WebhookEvent } from '../../core/protocol/request.ts'
import type { Fleet } from '../fleet.ts'
import { hashOf } from '../secret.ts'
import { type Env, readJson } from './request.ts'
import { headersOf, tellQuota } from './respond.ts'

/** `POST /webhook/{trigger_id}`, with the flat bodies that the API reference gives this route. */
export function webhookRoutes(fleet: Fleet): Hono<Env> {
  const app = new Hono<Env>()
  app.post('/:trigger', async (c) => {
    const trigger = c.req.param('trigger') as TriggerId
    const secret = c.req.header('x-webhook-secret')
    const data = await dataOf(c)
    const answer = await fleet.request((reply) => ({
      type: 'webhook.received',
      reply,
      job: fleet.platform.rowId() as JobId,
      trigger,
      secret: secret === undefined ? null : hashOf(secret),
      data,
    }))
    if ('quota' in answer) tellQuota(c, answer.quota)
    if (answer.type === 'refusal') return told(c, answer.refusal, trigger)
    if (answer.type !== 'fired') throw new Error(`expected an answer of type fired, got ${answer.type}`)
    return c.json({
      status: 'accepted',
      trigger_id: answer.trigger.id,
      job_id: answer.job.id,
      message: 'Workflow execution triggered',
    })
  })
  return app
}

/** The event's data. What is wrong with the body is not told before the secret has been checked. */
async function dataOf(c: Context): Promise<JsonText | Refusal> {
  const body = await readJson(c)
  if (isRefusal(body)) return body
  if (!isObject(body.json)) return refuse('INVALID_PAYLOAD', 'The body must be a JSON object')
  const event = v.safeParse(WebhookEvent, body.json)
  return event.success ? toText(event.output.data) : refuse('INVALID_PAYLOAD', problemsOf(event.issues))
}

function told(c: Context, refusal: Refusal, trigger: TriggerId): Response {
  const { cooldown_remaining = secondsOf(refusal.details['retry_after_ms']) } = refusal.details
  const status = REFUSALS[refusal.refused].status as ContentfulStatusCode
  const body = cooldown_remaining === undefined
    ? { status: 'error', error_code: refusal.refused, message: refusal.message }
    : { status: 'rate_limited', trigger_id: trigger, cooldown_remaining, message: refusal.message }
  return c.json(body, status, headersOf(refusal))
}

function secondsOf(ms: unknown): number | undefined {
  return typeof ms === 'number' ? Math.max(1, Math.ceil(ms / 1000)) : undefined
}
