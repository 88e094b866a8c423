import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { FormConfig } from '../../../core/trigger-types/form.ts'
import { isRefusal, type Refusal, REFUSALS } from '../../../core/base/refusal.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import type { Markup } from '../../form/markup.ts'
import { FORM_CLOSED, FORM_NOT_ALLOWED, FORM_NOT_FOUND, FORM_TOO_LONG, noticeOf } from '../../form/notices.ts'
import { type FormPage, formPage, type Notice, plainPage } from '../../form/page.ts'
import { styleHash } from '../../form/style.ts'
import { isBrowser, newBrowser, newToken } from '../../form/token.ts'
import { reboundPage, requestOrigin } from '../../net/origin.ts'
import type { HonoEnv } from '../kit/env.ts'
import { headersOf, passHeaders, setHeader } from '../kit/response.ts'
import { calledTrigger, type Caller, callerOf } from './caller.ts'

/** Names the browser that a page was drawn for, and nothing else: see `adapters/form/token.ts`. */
export const COOKIE = 'casare-form'

/** A form that anyone may fill in now. */
export interface OpenForm {
  readonly trigger: TriggerRow
  readonly form: FormConfig
  readonly key: string
  readonly title: string
  readonly path: string
  readonly caller: Caller
}

/** The content of a form's page besides its fields. */
export interface Drawn extends Partial<Pick<FormPage, 'written' | 'sent' | 'problems' | 'notice' | 'codeProblem'>> {
  /** Left out where the one that came with it does not count. */
  readonly token?: string | undefined
}

/** The forms of one fleet, as pages. */
export class FormPages {
  readonly #fleet: Fleet
  readonly #base: string

  constructor(fleet: Fleet, base: string) {
    this.#fleet = fleet
    this.#base = base
  }

  /** The form that is asked for, or why there is none for this caller. */
  openForm(c: Context<HonoEnv>): OpenForm | (Notice & { readonly status: 403 | 404 }) {
    const caller = callerOf(this.#fleet, c)
    const trigger = calledTrigger(caller, 'form')
    if (isRefusal(trigger)) {
      return trigger.refused === 'FORBIDDEN' ? { ...FORM_NOT_ALLOWED, status: 403 } : { ...FORM_NOT_FOUND, status: 404 }
    }
    const key = trigger.signing?.key
    if (key === undefined) return { ...FORM_NOT_FOUND, status: 404 }
    // A page from elsewhere that has taken our address calls from within the network of the person who looks at it.
    const origin = requestOrigin((name) => c.req.header(name))
    if (trigger.allow_from.length > 0 && reboundPage(origin, this.#fleet.state.settings.allowedOrigins) !== null) {
      return { ...FORM_NOT_ALLOWED, status: 403 }
    }
    const form = trigger.config as unknown as FormConfig
    const path = `${this.#base}/form/${encodeURIComponent(trigger.id)}`
    return { trigger, form, key, title: form.title ?? trigger.name, path, caller }
  }

  /** Draws the form, with a token of its own where the one that came with it does not count. */
  async draw(
    c: Context<HonoEnv>,
    { trigger, form, key, title, path }: OpenForm,
    as: Drawn,
    status: ContentfulStatusCode,
  ): Promise<Response> {
    const before = getCookie(c, COOKIE)
    const browser = isBrowser(before) ? before : newBrowser()
    if (browser !== before) {
      setCookie(c, COOKIE, browser, { path, httpOnly: true, sameSite: 'Lax', secure: isSecure(c) })
    }
    const token = as.token ?? await newToken(key, trigger.id, browser, this.#fleet.platform.now())
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
  drawRefused(c: Context<HonoEnv>, opened: OpenForm, as: Drawn, refusal: Refusal): Promise<Response> | Response {
    const status = REFUSALS[refusal.refused].status as ContentfulStatusCode
    for (const [name, value] of Object.entries(headersOf(refusal))) setHeader(c, name, value)
    if (refusal.refused === 'FORBIDDEN') return plain(c, 403, FORM_CLOSED)
    return this.draw(c, opened, { ...as, notice: noticeOf(refusal) }, status)
  }
}

/** A body that could not be read at all: what was written is lost to us, and is in the browser still. */
export function drawUnreadable(c: Context, refusal: Refusal): Response | Promise<Response> {
  const status = REFUSALS[refusal.refused].status as ContentfulStatusCode
  for (const [name, value] of Object.entries(headersOf(refusal))) setHeader(c, name, value)
  return plain(c, status, refusal.refused === 'PAYLOAD_TOO_LARGE' ? FORM_TOO_LONG : noticeOf(refusal))
}

/** A page that only says something. */
export function plain(c: Context, status: ContentfulStatusCode, notice: Notice): Response | Promise<Response> {
  return show(c, status, plainPage(notice))
}

/** A page that may do nothing but look as it does and, where it is a form, be sent to us and lead on from here. */
export function show(
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
  setHeader(c, 'Content-Security-Policy', policy.join('; '))
  setHeader(c, 'X-Frame-Options', 'DENY')
  setHeader(c, 'Referrer-Policy', 'same-origin')
  setHeader(c, 'Cross-Origin-Opener-Policy', 'same-origin')
  setHeader(c, 'Cache-Control', 'no-store')
  passHeaders(c)
  return c.html(page, status)
}

/** True if the browser used TLS, to us or to a proxy. A client that fakes the header only loses its own cookie. */
function isSecure(c: Context): boolean {
  return new URL(c.req.url).protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https'
}
