import { Webhook } from 'standardwebhooks'
import type { Call } from '../../core/effects.ts'
import type { Millis } from '../../core/ids.ts'
import { CALL_MS } from '../../core/limits.ts'
import { cut } from '../../core/protocol/cut.ts'
import type { Outcome } from '../../core/webhook.ts'
import { problemWithUrl } from '../../outgoing/address.ts'
import { type Poster, retryAfterMs } from './post.ts'

/** How much of a receiver's own words is kept. */
const WORDS_MAX = 300

/** What calls are made with. */
export interface Means {
  readonly post: Poster
  now(): Millis
  /** Webhooks may be at private addresses. */
  readonly allowPrivate: boolean
}

/** The calls that are under way. */
export interface Calls {
  /** Makes a call, and reports what became of it, whatever that is. Never throws. */
  make(call: Call, report: (outcome: Outcome) => void): void
  /** Resolves when none is under way, or after this long. */
  ended(ms: Millis): Promise<void>
}

/** Makes calls to webhooks, as many at a time as it is asked to: how many may be is the core's affair. */
export function startCalls(means: Means): Calls {
  const underWay = new Set<Promise<void>>()
  return {
    make(call, report) {
      const done = deliver(call, means).then(report)
      underWay.add(done)
      void done.finally(() => underWay.delete(done))
    },
    async ended(ms) {
      let timer: ReturnType<typeof setTimeout> | undefined
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms)
      })
      await Promise.race([Promise.allSettled(underWay), enough])
      clearTimeout(timer)
    },
  }
}

/** Sends one delivery once, signed as Standard Webhooks has it. Where it goes is looked at each time. Never throws. */
export async function deliver(call: Call, { post, now, allowPrivate }: Means): Promise<Outcome> {
  const problem = problemWithUrl(call.url, allowPrivate)
  if (problem !== null) return { status: null, error: `not sent: the URL ${problem}`, retryAfterMs: null }
  const at = now()
  try {
    const { status, retryAfter, text } = await post({
      url: new URL(call.url),
      headers: { ...HEADERS, ...signed(call, at) },
      body: call.body,
      signal: AbortSignal.timeout(CALL_MS),
      allowPrivate,
    })
    return { status, error: wrongWith(status, text), retryAfterMs: retryAfterMs(retryAfter, at) }
  } catch (error) {
    return { status: null, error: reasonOf(error), retryAfterMs: null }
  }
}

const HEADERS = { 'Content-Type': 'application/json', 'User-Agent': 'casare-orchestrator' }

/** The headers by which a receiver knows who sends, and that it is not an old request that somebody has kept. */
export function signed({ delivery, body, secrets }: Pick<Call, 'delivery' | 'body' | 'secrets'>, at: Millis) {
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

/** What fetch says is often only that it failed; why stands beneath. */
function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${CALL_MS / 1000} s`
  return kept(cause instanceof Error && cause.message !== '' ? cause.message : message ?? String(error))
}

/** A receiver's words are for people's eyes, and go into a row: well-formed, on one line, and without U+0000. */
function kept(text: string): string {
  return cut(text, WORDS_MAX).replace(/\p{Cc}+/gu, ' ').trim()
}
