import type { Millis, TriggerId } from '../../../core/base/ids.ts'
import type { Context } from 'hono'
import { noTrigger, type Refusal, REFUSALS, refuse } from '../../../core/base/refusal.ts'
import type { Quota } from '../../../core/base/sliding-window.ts'
import { isFailedAttempt } from '../../../core/limiter/failed-attempts.ts'
import { rateLimited } from '../../../core/limiter/rates.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import type { TriggerType } from '../../../core/trigger-types/index.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { clientAddress, mayCall } from '../../net/client-address.ts'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { HonoEnv } from '../kit/env.ts'
import { headersOf, setQuotaHeaders } from '../kit/response.ts'

/** A request from outside to a trigger, without an API key: from a sender of webhooks, a chat platform, or a form. */
export interface Caller {
  readonly fleet: Fleet
  readonly trigger: TriggerId
  readonly address: string | null
  readonly now: Millis
}

/** Reads from a request which trigger it calls, and from where. */
export function callerOf(fleet: Fleet, c: Context<HonoEnv>): Caller {
  return {
    fleet,
    trigger: c.req.param('trigger') as TriggerId,
    address: clientAddress(c.req.raw, fleet.state.settings.trustedProxies),
    now: fleet.platform.now(),
  }
}

/**
 * Finds the called trigger; `type` null: of any type. TRIGGER_NOT_FOUND if there is none; FORBIDDEN if its `allow_from`
 * does not list the caller's address.
 */
export function calledTrigger({ fleet, trigger: id, address }: Caller, type: TriggerType | null): TriggerRow | Refusal {
  const trigger = fleet.state.triggers.get(id)
  if (trigger === undefined || (type !== null && trigger.trigger_type !== type)) return noTrigger(id)
  return mayCall(trigger.allow_from, address) ? trigger : refuse('FORBIDDEN', 'This address may not call this trigger')
}

/** Counts a wrong secret, signature or access code, or a trigger that does not exist. RATE_LIMITED once there were too many. */
export function countFailure({ fleet, address }: Caller): { refusal: Refusal; quota: Quota } | null {
  const { failedAttempts, platform } = fleet
  // Not when the request began: a body can take long, and the count would take it for a clock that was set back.
  const quota = failedAttempts.count(address, platform.now())
  if (quota === null) return null
  return { refusal: rateLimited('failed calls from one address', failedAttempts.limit, quota), quota }
}

/** A refusal as the API reference shows it on this route; 429 for a caller that guesses too often. */
export function respondRefused(c: Context, refusal: Refusal, caller: Caller, quota: Quota | null = null): Response {
  const tooMany = isFailedAttempt(refusal) ? countFailure(caller) : null
  return tooMany === null
    ? respondFlat(c, refusal, caller.trigger, quota)
    : respondFlat(c, tooMany.refusal, caller.trigger, tooMany.quota)
}

/** Responds with a refusal in the flat form of this route. */
function respondFlat(
  c: Context,
  refusal: Refusal,
  trigger: TriggerId,
  quota: Quota | null | undefined,
): Response {
  const { cooldown_remaining = secondsOf(refusal.details['retry_after_ms']) } = refusal.details
  const status = REFUSALS[refusal.refused].status as ContentfulStatusCode
  const body = cooldown_remaining === undefined
    ? { status: 'error', error_code: refusal.refused, message: refusal.message }
    : { status: 'rate_limited', trigger_id: trigger, cooldown_remaining, message: refusal.message }
  setQuotaHeaders(c, quota)
  return c.json(body, status, headersOf(refusal))
}

function secondsOf(ms: unknown): Millis | undefined {
  return typeof ms === 'number' ? Math.max(1, Math.ceil(ms / 1000)) : undefined
}
