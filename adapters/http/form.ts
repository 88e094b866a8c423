import { type Context, Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { instantText } from '../../core/instant.ts'
import type { JobId, TriggerId } from '../../core/ids.ts'
import { cut } from '../../core/protocol/cut.ts'
import { exceedsBytes } from '../../core/protocol/decode.ts'
import { type FormConfig, valuesMax } from '../../core/protocol/form.ts'
import { valueOf } from '../../core/protocol/form-value.ts'
import { type Json, type JsonObject, toText } from '../../core/protocol/json.ts'
import { isRefusal, type Refusal, REFUSALS, refuse } from '../../core/protocol/refusal.ts'
import { callsLeft } from '../../core/rate.ts'
import type { TriggerRow } from '../../core/trigger.ts'
import { isPercentUtf8 } from '../charset.ts'
import type { Fleet } from '../fleet.ts'
import type { Markup } from '../form/markup.ts'
import {
  CLOSED,
  FAILED,
  FOREIGN,
  ignoredFiles,
  MISWRITTEN,
  NOT_HERE,
  noticeOf,
  NOWHERE,
  TOKENS,
  UNREAD,
} from '../form/notices.ts'
import { CODE, type FormPage, formPage, type Notice, plainPage, thanksPage, TOKEN } from '../form/page.ts'
import { readSent, type Sent, writtenIn } from '../form/sent.ts'
import { styleHash } from '../form/style.ts'
import { checkToken, isBrowser, newBrowser, newReceipt, newToken, readReceipt } from '../form/token.ts'
import { askingOf, foreignPage, reboundPage } from '../origin.ts'
import { hashOf, sha256 } from '../secret.ts'
import { addressOf, mayCall } from './address.ts'
import type { Failures } from './failures.ts'
import { BODY_BYTES_MAX, type Env, readBytes } from './request.ts'
import { headersOf, tellQuota } from './respond.ts'

/** Names the browser that a page was drawn for, and nothing else: see `adapters/form/token.ts`. */
const COOKIE = 'casare-form'

/** A form that may be filled in, by whoever asks for it now. */
interface OpenForm {
  readonly trigger: TriggerRow
  readonly form: FormConfig
  readonly key: string
  readonly title: string
  readonly path: string
  readonly address: string | null
}

/** `/form/{trigger_id}`: a page for people, which needs no script, and nothing from anywhere else. */
export function formRoutes(fleet: Fleet, base: string, failures: Failures): Hono<Env> {
  const app = new Hono<Env>()

  app.get('/:trigger', async (c) => {
    const opened = open(c)
    if ('heading' in opened) return plain(c, opened.status, opened)
    const { trigger, form, key, title, path } = opened
    const receipt = c.req.query('done')
    const reference = receipt === undefined ? null : await readReceipt(key, trigger.id, receipt)
    if (reference !== null) return show(c, 200, thanksPage(title, form.success_message, reference, path))
    if (!trigger.enabled) return plain(c, 403, CLOSED)
    const { search } = new URL(c.req.url)
    if (!isPercentUtf8(search)) return plain(c, 400, MISWRITTEN)
    return await draw(c, opened, { written: writtenIn(search) }, 200)
  })

  app.post('/:trigger', async (c) => {
    const opened = open(c)
    if ('heading' in opened) return plain(c, opened.status, opened)
    const { trigger, form, key, path, address } = opened
    if (!trigger.enabled) return plain(c, 403, CLOSED)
    const bytes = await readBytes(c)
    if (isRefusal(bytes)) return unread(c, bytes)
    const sent = await readSent(c.req.header('content-type'), bytes, valuesMax(form))
    if (isRefusal(sent)) return await drawRefused(c, opened, {}, sent)
    const { written } = sent
    if (charsOn(form, written) > WRITTEN_CHARS_MAX) return unread(c, refuse('PAYLOAD_TOO_LARGE', ''))
    const again = { written, sent: true }

    const { allowedOrigins } = fleet.state.settings
    if (foreignPage(askingOf((name) => c.req.header(name)), allowedOrigins) !== null) {
      return await draw(c, opened, { ...again, notice: FOREIGN }, 403)
    }
    const now = fleet.platform.now()
    const token = written.get(TOKEN)?.[0]
    const { idempotencyMs } = fleet.state.settings
    const page = await checkToken(key, trigger.id, getCookie(c, COOKIE), token, now, idempotencyMs)
    if ('wrong' in page) return await draw(c, opened, { ...again, notice: TOKENS[page.wrong] }, 403)
    if (trigger.auth === 'secret' && hashOf(written.get(CODE)?.[0] ?? '') !== trigger.secret) {
      const guessed = failures.count(address, now)
      tellQuota(c, guessed)
      const codeProblem = 'This is not the access code.'
      if (guessed === null) return await draw(c, opened, { ...again, token, codeProblem }, 403)
      const refusal = refuse('RATE_LIMITED', '', { retry_after_ms: guessed.retryAfterMs, limit: failures.limit.most })
      return await drawRefused(c, opened, { ...again, token }, refusal)
    }
    tellQuota(c, callsLeft(fleet.state, trigger.id, now))
    if (sent.files.length > 0) {
      return await draw(c, opened, { ...again, token, notice: ignoredFiles(sent.files) }, 415)
    }
    const { values, problems } = read(form, written)
    if (problems.size > 0) return await draw(c, opened, { ...again, token, problems }, 422)

    // As the original had it: the fields together, and each by itself beside them. No field can be named like the rest.
    const at = { submitted_at: instantText(now), submitter_ip: address }
    const payload = toText({ ...values, form_id: trigger.id, fields: values, ...at })
    if (exceedsBytes(payload, BODY_BYTES_MAX)) {
      return await drawRefused(c, opened, { ...again, token }, refuse('PAYLOAD_TOO_LARGE', ''))
    }
    const agent = c.req.header('user-agent')
    const answer = await fleet.request((reply) => ({
      type: 'trigger.fired',
      reply,
      job: fleet.platform.rowId() as JobId,
      trigger: trigger.id,
      as: 'form',
      by: null,
      payload,
      metadata: toText({
        source: 'form',
        event_type: 'form_submitted',
        remote: address,
        user_agent: agent === undefined ? null : cut(agent, 300),
      }),
      idempotency: {
        key: sha256(JSON.stringify([trigger.id, 'form', page.once])),
        fingerprint: sha256(toText(values)),
      },
      cursor: null,
      parent: null,
    }))
    if ('quota' in answer) tellQuota(c, answer.quota)
    if (answer.type === 'refusal') {
      // What was refused may be sent again as it is, and is the same once more; only what differs needs another token.
      const changed = answer.refusal.refused === 'IDEMPOTENCY_MISMATCH'
      return await drawRefused(c, opened, changed ? again : { ...again, token }, answer.refusal)
    }
    if (answer.type !== 'fired') throw new Error(`expected an answer of type fired, got ${answer.type}`)
    const to = form.redirect_url ?? `${path}?done=${await newReceipt(key, trigger.id, answer.job?.id ?? '')}`
    // Loading the page to which this leads once more sends nothing.
    c.header('Cache-Control', 'no-store')
    return c.redirect(to, 303)
  })

  app.onError((error, c) => {
    fleet.platform.log('error', 'a form failed', { path: c.req.path, error: error.stack ?? String(error) })
    return plain(c, 500, FAILED)
  })
  return app

  /** The form that is asked for, or why there is none for this caller. */
  function open(c: Context<Env>): OpenForm | (Notice & { readonly status: 403 | 404 }) {
    const trigger = fleet.state.triggers.get(c.req.param('trigger') as TriggerId)
    const key = trigger?.signing?.key
    if (trigger?.trigger_type !== 'form' || key === undefined) return { ...NOWHERE, status: 404 }
    const { trustedProxies, allowedOrigins } = fleet.state.settings
    const address = addressOf(c.req.raw, trustedProxies)
    const isRebound = trigger.allow_from.length > 0 &&
      reboundPage(askingOf((name) => c.req.header(name)), allowedOrigins) !== null
    if (isRebound || !mayCall(trigger.allow_from, address)) return { ...NOT_HERE, status: 403 }
    const form = trigger.config as unknown as FormConfig
    const path = `${base}/form/${encodeURIComponent(trigger.id)}`
    return { trigger, form, key, title: form.title ?? trigger.name, path, address }
  }

  /** Draws the form, with a token of its own where the one that came with it does not count. */
  async function draw(
    c: Context<Env>,
    { trigger, form, key, title, path }: OpenForm,
    as: Partial<Pick<FormPage, 'written' | 'sent' | 'problems' | 'notice' | 'codeProblem'>> & {
      token?: string | undefined
    },
    status: ContentfulStatusCode,
  ): Promise<Response> {
    const before = getCookie(c, COOKIE)
    const browser = isBrowser(before) ? before : newBrowser()
    if (browser !== before) {
      setCookie(c, COOKIE, browser, { path, httpOnly: true, sameSite: 'Lax', secure: isSecure(c) })
    }
    const token = as.token ?? await newToken(key, trigger.id, browser, fleet.platform.now())
    const page: FormPage = {
      title,
      form,
      action: path,
      code: trigger.auth === 'secret',
      codeProblem: null,
      written: new Map(),
      sent: false,
      problems: new Map(),
      notice: null,
      ...as,
      token,
    }
    return show(c, status, formPage(page), form)
  }

  /** The same, where it could not be taken: with what is to be done now, and how long that may take. */
  function drawRefused(
    c: Context<Env>,
    opened: OpenForm,
    as: Parameters<typeof draw>[2],
    refusal: Refusal,
  ): Promise<Response> | Response {
    const status = REFUSALS[refusal.refused].status as ContentfulStatusCode
    for (const [name, value] of Object.entries(headersOf(refusal))) c.header(name, value)
    if (refusal.refused === 'FORBIDDEN') return plain(c, 403, CLOSED)
    return draw(c, opened, { ...as, notice: noticeOf(refusal) }, status)
  }
}

/** What was written, as what the fields are for, and what is wrong with each that cannot be read so. */
function read(
  form: FormConfig,
  written: Sent['written'],
): { readonly values: JsonObject; readonly problems: ReadonlyMap<string, string> } {
  const values: [string, Json][] = []
  const problems = new Map<string, string>()
  for (const field of form.fields) {
    const answer = valueOf(field, written.get(field.name) ?? [])
    if ('problem' in answer) problems.set(field.name, answer.problem)
    else if (answer.value !== undefined) values.push([field.name, answer.value])
  }
  return { values: Object.fromEntries(values), problems }
}

/** As much of what was written is put on a page again, as it stands in HTML. */
const WRITTEN_CHARS_MAX = 3 << 19

/** What the answers would take on the page, where five characters are written longer. */
function charsOn(form: FormConfig, written: Sent['written']): number {
  const answers = form.fields.map(({ name }) => written.get(name)?.[0] ?? '')
  return answers.reduce((sum, answer) => sum + answer.length + 5 * (answer.match(/[&<>"']/g)?.length ?? 0), 0)
}

/** A body that could not be read at all: what was written is lost to us, and is in the browser still. */
function unread(c: Context, refusal: Refusal): Response | Promise<Response> {
  const status = REFUSALS[refusal.refused].status as ContentfulStatusCode
  for (const [name, value] of Object.entries(headersOf(refusal))) c.header(name, value)
  return plain(c, status, refusal.refused === 'PAYLOAD_TOO_LARGE' ? UNREAD : noticeOf(refusal))
}

function plain(c: Context, status: ContentfulStatusCode, notice: Notice): Response | Promise<Response> {
  return show(c, status, plainPage(notice))
}

/** A page that may do nothing but look as it does and, where it is a form, be sent to us and lead on from here. */
function show(
  c: Context,
  status: ContentfulStatusCode,
  page: Markup,
  form?: FormConfig,
): Response | Promise<Response> {
  const onward = form?.redirect_url?.startsWith('https:') === true ? ` ${new URL(form.redirect_url).origin}` : ''
  const sent = form === undefined ? "'none'" : `'self'${onward}`
  const policy = [
    "default-src 'none'",
    `style-src '${styleHash()}'`,
    'img-src data:',
    `form-action ${sent}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]
  c.header('Content-Security-Policy', policy.join('; '))
  c.header('X-Frame-Options', 'DENY')
  c.header('Referrer-Policy', 'same-origin')
  c.header('Cross-Origin-Opener-Policy', 'same-origin')
  c.header('Cache-Control', 'no-store')
  return c.html(page, status)
}

/** Whether the browser came over TLS, to us or to a proxy. One that lies about it only keeps its own cookie from itself. */
function isSecure(c: Context): boolean {
  return new URL(c.req.url).protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https'
}
