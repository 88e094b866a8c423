import { Webhook } from 'standardwebhooks'
import type { WebhookRequest } from '../../core/turn.ts'
import type { Millis } from '../../core/base/ids.ts'
import { WEBHOOK_REQUEST_MS } from '../../core/settings.ts'
import { cut } from '../../core/base/text.ts'
import type { DeliveryOutcome } from '../../core/records/webhook.ts'
import { problemWithUrl } from '../../outgoing/address.ts'
import { retryAfterMs, type SendPost } from '../net/post.ts'

/** The number of characters kept of a receiver's answer. */
const WORDS_MAX = 300

/** The services that calls need. */
export interface SenderOptions {
  readonly post: SendPost
  now(): Millis
  /** Webhooks may be at private addresses. */
  readonly allowPrivate: boolean
}

/** Sends deliveries, and knows those in flight. */
export interface WebhookSender {
  /** Sends a call, and reports its outcome in every case. Never throws. */
  send(call: WebhookRequest, report: (outcome: DeliveryOutcome) => void): void
  /** Resolves when none is in flight, or after this long. */
  whenSent(ms: Millis): Promise<void>
}

/** Sends as many calls at a time as it is given: the core limits their number. */
export function startSender(options: SenderOptions): WebhookSender {
  const underWay = new Set<Promise<void>>()
  return {
    send(call, report) {
      const done = sendDelivery(call, options).then(report)
      underWay.add(done)
      void done.finally(() => underWay.delete(done))
    },
    async whenSent(ms) {
      let timer: ReturnType<typeof setTimeout> | undefined
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms)
      })
      await Promise.race([Promise.allSettled(underWay), enough])
      clearTimeout(timer)
    },
  }
}

/** Sends one delivery once, signed by Standard Webhooks. The destination is checked each time. Never throws. */
export async function sendDelivery(
  call: WebhookRequest,
  { post, now, allowPrivate }: SenderOptions,
): Promise<DeliveryOutcome> {
  const problem = problemWithUrl(call.url, allowPrivate)
  if (problem !== null) return { status: null, error: `not sent: the URL ${problem}`, retry_after_ms: null }
  const at = now()
  try {
    const { status, retryAfter, text } = await post({
      url: new URL(call.url),
      headers: { ...HEADERS, ...signatureHeaders(call, at) },
      body: call.body,
      signal: AbortSignal.timeout(WEBHOOK_REQUEST_MS),
      allowPrivate,
    })
    return { status, error: wrongWith(status, text), retry_after_ms: retryAfterMs(retryAfter, at) }
  } catch (error) {
    return { status: null, error: reasonOf(error), retry_after_ms: null }
  }
}

const HEADERS = { 'Content-Type': 'application/json', 'User-Agent': 'casare-orchestrator' }

/** The headers with which a receiver verifies the sender, and that the request is not a replay. */
export function signatureHeaders(
  { delivery, body, secrets }: Pick<WebhookRequest, 'delivery' | 'body' | 'secrets'>,
  at: Millis,
) {
  const signatures = secrets.map((secret) => new Webhook(secret).sign(delivery, new Date(at), body))
  return {
    'webhook-id': delivery,
    'webhook-timestamp': String(Math.floor(at / 1000)),
    'webhook-signature': signatures.join(' '),
  }
}

function wrongWith(status: number, text: string): string {
  if (status >= 200 && status < 300) return ''
  if (status >= 300 && status < 400) return `answered ${status}: redirects are not followed`
  const words = kept(text)
  return words === '' ? `answered ${status}` : `answered ${status}: ${words}`
}

/** The message of the cause. fetch often reports only that it failed. */
function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${WEBHOOK_REQUEST_MS / 1000} s`
  return kept(cause instanceof Error && cause.message !== '' ? cause.message : message ?? String(error))
}

/** A receiver's text in the form that is shown and stored: well-formed, on one line, and without control characters. */
function kept(text: string): string {
  return cut(text, WORDS_MAX).replace(/\p{Cc}+/gu, ' ').trim()
}
