import type { Millis, TriggerId } from '../../../core/base/ids.ts'
import type { FailedAttempts } from '../../fleet/failed-attempts.ts'
import type { Context } from 'hono'
import { type Refusal, REFUSALS, refuse } from '../../../core/base/refusal.ts'
import type { Quota } from '../../../core/base/sliding-window.ts'
import { rateLimited } from '../../../core/limiter/rates.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import { mayCall } from '../../net/client-address.ts'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { headersOf, setQuotaHeaders } from '../kit/response.ts'

/** The answer to a caller that does not know the trigger, or its secret. */
const GUESSES: ReadonlySet<string> = new Set(['AUTHENTICATION_FAILED', 'TRIGGER_NOT_FOUND'])

/** Who called what, when, and what is known of how often callers guess. */
export interface Caller {
  readonly trigger: TriggerId
  readonly address: string | null
  readonly failedAttempts: FailedAttempts
  readonly now: Millis
}

/** A refusal as the API reference shows it on this route; 429 for a caller that guesses too often. */
export function respondRefused(c: Context, refusal: Refusal, caller: Caller, quota: Quota | null = null): Response {
  const { trigger, address, failedAttempts, now } = caller
  const guessed = GUESSES.has(refusal.refused) ? failedAttempts.count(address, now) : null
  if (guessed === null) return respondFlat(c, refusal, trigger, quota)
  return respondFlat(c, rateLimited('failed calls from one address', failedAttempts.limit, guessed), trigger, guessed)
}

/** FORBIDDEN for an address that is not in the list, where there is one. */
export function notAllowed(allowFrom: TriggerRow['allow_from'], address: string | null): Refusal | null {
  return mayCall(allowFrom, address) ? null : refuse('FORBIDDEN', 'This address may not call this trigger')
}

/** Responds with a refusal in the flat form of this route. */
export function respondFlat(
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
