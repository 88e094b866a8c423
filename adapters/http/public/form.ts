import { type Context, Hono } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Reply } from '../../../core/reply.ts'
import { instantText } from '../../../core/base/instant.ts'
import type { JsonText } from '../../../core/base/ids.ts'
import { cut, exceedsBytes } from '../../../core/base/text.ts'
import { type FormConfig, valuesMax } from '../../../core/trigger-types/form.ts'
import { valueOf } from '../../../core/trigger-types/form-value.ts'
import { type Json, type JsonObject, toText } from '../../../core/base/json.ts'
import { isRefusal, refuse } from '../../../core/base/refusal.ts'
import { callsLeft } from '../../../core/limiter/rates.ts'
import { isPercentUtf8 } from '../../net/charset.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import {
  FORM_CLOSED,
  FORM_FAILED,
  FORM_FROM_OTHER_PAGE,
  FORM_QUERY_UNREADABLE,
  ignoredFiles,
  TOKEN_NOTICES,
} from '../../form/notices.ts'
import { CODE_FIELD, thanksPage, TOKEN_FIELD } from '../../form/page.ts'
import { type FormSubmission, prefilledFrom, readSubmission } from '../../form/submission.ts'
import { checkToken, newReceipt, readReceipt } from '../../form/token.ts'
import { foreignPage, requestOrigin } from '../../net/origin.ts'
import { hashOf } from '../../crypto/secrets.ts'
import { fireTrigger, onceBy } from '../../triggers/fire.ts'
import { COOKIE, drawUnreadable, FormPages, type OpenForm, plain, show } from './form-pages.ts'
import type { HonoEnv } from '../kit/env.ts'
import { BODY_BYTES_MAX, readBytes } from '../kit/request.ts'
import { passHeaders, setHeader, setQuotaHeaders } from '../kit/response.ts'
import { countFailure } from './caller.ts'

/** The services for the forms of one fleet. */
interface Forms {
  readonly fleet: Fleet
  readonly pages: FormPages
}

/** `/form/{trigger_id}`: a page for people, which needs no script, and nothing from anywhere else. */
export function formRoutes(fleet: Fleet, base: string): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  const forms: Forms = { fleet, pages: new FormPages(fleet, base) }
  app.get('/:trigger', (c) => page(forms, c))
  app.post('/:trigger', (c) => submit(forms, c))
  app.onError((error, c) => {
    fleet.platform.log('error', 'a form failed', { path: c.req.path, error: error.stack ?? String(error) })
    return plain(c, 500, FORM_FAILED)
  })
  return app
}

/** The form to be filled in, or the thanks for one that has been. */
async function page({ pages }: Forms, c: Context<HonoEnv>): Promise<Response> {
  const opened = pages.openForm(c)
  if ('heading' in opened) return plain(c, opened.status, opened)
  const { trigger, form, key, title, path } = opened
  const receipt = c.req.query('done')
  const reference = receipt === undefined ? null : await readReceipt(key, trigger.id, receipt)
  if (reference !== null) return show(c, 200, thanksPage(title, form.success_message, reference, path))
  if (!trigger.enabled) return plain(c, 403, FORM_CLOSED)
  const { search } = new URL(c.req.url)
  if (!isPercentUtf8(search)) return plain(c, 400, FORM_QUERY_UNREADABLE)
  return await pages.draw(c, opened, { written: prefilledFrom(search) }, 200)
}

/**
 * Fires the trigger with a submitted form, and redirects to the confirmation. Responds with the form and its problems
 * if it is invalid.
 */
async function submit(forms: Forms, c: Context<HonoEnv>): Promise<Response> {
  const { fleet, pages } = forms
  const opened = pages.openForm(c)
  if ('heading' in opened) return plain(c, opened.status, opened)
  const { trigger, form, key, path, caller } = opened
  if (!trigger.enabled) return plain(c, 403, FORM_CLOSED)
  const sent = await readForm(pages, c, opened)
  if (!('written' in sent)) return sent
  const now = fleet.platform.now()
  const proof = await authenticate(forms, c, opened, sent)
  if (!('dedupeKey' in proof)) return proof
  setQuotaHeaders(c, callsLeft(fleet.state, trigger.id, now))

  const { written } = sent
  const again = { written, sent: true, token: written.get(TOKEN_FIELD)?.[0] }
  if (sent.files.length > 0) return await pages.draw(c, opened, { ...again, notice: ignoredFiles(sent.files) }, 415)
  const { values, problems } = read(form, written)
  if (problems.size > 0) return await pages.draw(c, opened, { ...again, problems }, 422)
  // As the original had it: the fields together, and each by itself beside them. No field can be named like the rest.
  const at = { submitted_at: instantText(now), submitter_ip: caller.address }
  const payload = toText({ ...values, form_id: trigger.id, fields: values, ...at })
  if (exceedsBytes(payload, BODY_BYTES_MAX)) {
    return await pages.drawRefused(c, opened, again, refuse('PAYLOAD_TOO_LARGE', ''))
  }

  const answer = await fire(fleet, c, opened, { payload, values, dedupeKey: proof.dedupeKey })
  if ('quota' in answer) setQuotaHeaders(c, answer.quota)
  if (answer.type === 'refusal') {
    // A refused submission may be sent again unchanged, with the same token; only a different one needs a new token.
    const { token, ...anew } = again
    const changed = answer.refusal.refused === 'IDEMPOTENCY_MISMATCH'
    return await pages.drawRefused(c, opened, changed ? anew : { ...anew, token }, answer.refusal)
  }
  if (answer.type !== 'fired') throw new Error(`expected an answer of type fired, got ${answer.type}`)
  const to = form.redirect_url ?? `${path}?done=${await newReceipt(key, trigger.id, answer.job?.id ?? '')}`
  // Loading the page to which this leads once more sends nothing.
  setHeader(c, 'Cache-Control', 'no-store')
  passHeaders(c)
  return c.redirect(to, 303)
}

/** Reads the body. Responds with an error page if it cannot be read, or could not be shown again. */
async function readForm(pages: FormPages, c: Context<HonoEnv>, opened: OpenForm): Promise<FormSubmission | Response> {
  const bytes = await readBytes(c)
  if (isRefusal(bytes)) return drawUnreadable(c, bytes)
  const sent = await readSubmission(c.req.header('content-type'), bytes, valuesMax(opened.form))
  if (isRefusal(sent)) return await pages.drawRefused(c, opened, {}, sent)
  return charsOn(opened.form, sent.written) > WRITTEN_CHARS_MAX
    ? drawUnreadable(c, refuse('PAYLOAD_TOO_LARGE', ''))
    : sent
}

/**
 * Verifies that the submission comes from our page, identified by `dedupeKey`, and has the access code if one is
 * required. Responds with the form again if not.
 */
async function authenticate(
  { fleet, pages }: Forms,
  c: Context<HonoEnv>,
  opened: OpenForm,
  { written }: FormSubmission,
): Promise<{ readonly dedupeKey: string } | Response> {
  const { trigger, key, caller } = opened
  const { allowedOrigins, idempotencyMs } = fleet.state.settings
  const again = { written, sent: true }
  if (foreignPage(requestOrigin((name) => c.req.header(name)), allowedOrigins) !== null) {
    return await pages.draw(c, opened, { ...again, notice: FORM_FROM_OTHER_PAGE }, 403)
  }
  const token = written.get(TOKEN_FIELD)?.[0]
  const proof = await checkToken(key, trigger.id, getCookie(c, COOKIE), token, caller.now, idempotencyMs)
  if ('wrong' in proof) return await pages.draw(c, opened, { ...again, notice: TOKEN_NOTICES[proof.wrong] }, 403)
  if (trigger.auth !== 'secret' || hashOf(written.get(CODE_FIELD)?.[0] ?? '') === trigger.secret) return proof
  const tooMany = countFailure(caller)
  const codeProblem = 'This is not the access code.'
  if (tooMany === null) return await pages.draw(c, opened, { ...again, token, codeProblem }, 403)
  setQuotaHeaders(c, tooMany.quota)
  return await pages.drawRefused(c, opened, { ...again, token }, tooMany.refusal)
}

function fire(
  fleet: Fleet,
  c: Context<HonoEnv>,
  { trigger, caller }: OpenForm,
  { payload, values, dedupeKey }: {
    readonly payload: JsonText
    readonly values: JsonObject
    readonly dedupeKey: string
  },
): Promise<Reply> {
  const agent = c.req.header('user-agent')
  const metadata = toText({
    source: 'form',
    event_type: 'form_submitted',
    remote: caller.address,
    user_agent: agent === undefined ? null : cut(agent, 300),
  })
  return fleet.request(fireTrigger(fleet.platform, {
    trigger: trigger.id,
    as: 'form',
    payload,
    metadata,
    idempotency: onceBy(trigger.id, 'form', dedupeKey, toText(values)),
  }))
}

/** Parses the input by the fields' types, and collects the problems with it. */
function read(
  form: FormConfig,
  written: FormSubmission['written'],
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

/** The size of the answers on the page, where five characters are escaped. */
function charsOn(form: FormConfig, written: FormSubmission['written']): number {
  const answers = form.fields.map(({ name }) => written.get(name)?.[0] ?? '')
  return answers.reduce((sum, answer) => sum + answer.length + 5 * (answer.match(/[&<>"']/g)?.length ?? 0), 0)
}
