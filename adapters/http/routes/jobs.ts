import { type Context, Hono } from 'hono'
import { missingScope } from '../../../core/access/authorize.ts'
import type { Reply } from '../../../core/reply.ts'
import { explain } from '../../../core/explain/explain.ts'
import type { JobId } from '../../../core/base/ids.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../../../core/base/refusal.ts'
import { Cancellation, Release, Submission } from '../../../core/api/request.ts'
import { submissionsLeft } from '../../../core/limiter/rates.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { logText } from '../../views/log-text.ts'
import { idempotencyOf, retryJob, submitJob } from '../../commands/jobs.ts'
import { encodeCursor, type HonoEnv, pageQuery, readBody, readOptionalBody, requireScope } from '../kit/request.ts'
import { jobQuery, queryNumber } from '../kit/query.ts'
import { locationOf, refused, respond, setQuotaHeaders } from '../kit/response.ts'
import { unlessUnchanged } from '../kit/unchanged.ts'
import { explanationView, historyEntry, jobDetail, jobSummary, logLine, submittedJob } from '../../views/records.ts'

const LOG_PAGE_MAX = 1000

/** `/api/v1/jobs`. */
export function jobRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  const read = requireScope(fleet, 'jobs:read')
  app.post('/', requireScope(fleet, 'jobs:submit', 'jobs:submit-definition'), (c) => submit(fleet, c))
  app.get('/', read, (c) => list(fleet, c))
  app.get('/:id', read, unlessUnchanged, (c) => detail(fleet, c))
  app.get('/:id/logs', read, (c) => logs(fleet, c))
  app.get('/:id/history', read, (c) => history(fleet, c))
  app.get('/:id/explain', read, (c) => explained(fleet, c))
  app.post('/:id/cancel', requireScope(fleet, 'jobs:cancel'), (c) => stop(fleet, c, 'cancel', Cancellation))
  app.post('/:id/release', requireScope(fleet, 'jobs:cancel'), (c) => stop(fleet, c, 'release', Release))
  app.post('/:id/retry', requireScope(fleet, 'jobs:submit'), (c) => again(fleet, c, 'retry'))
  app.post('/:id/requeue', requireScope(fleet, 'jobs:submit'), (c) => again(fleet, c, 'requeue'))
  return app
}

async function submit(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const { key } = c.var
  setQuotaHeaders(c, submissionsLeft(fleet.state, key.id, fleet.platform.now()))
  const body = await readBody(c, Submission)
  if (isRefusal(body)) return refused(c, body)
  const lack = missingScope(key, body.workflow_json === undefined ? 'jobs:submit' : 'jobs:submit-definition')
  if (lack !== null) return refused(c, lack)
  const idempotency = idempotencyOf(c.req.header('idempotency-key'), key, body)
  if (isRefusal(idempotency)) return refused(c, idempotency)
  const event = submitJob(fleet.platform, body, key.name, key.id, idempotency)
  if (isRefusal(event)) return refused(c, event)
  return submitted(fleet, c, await fleet.request(event))
}

async function list(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const query = jobQuery(c.req.query(), pageQuery(c))
  if (isRefusal(query)) return refused(c, query)
  const page = await fleet.queries.jobs(query)
  return c.json({ items: page.items.map(jobSummary), next_cursor: encodeCursor(page.next) })
}

async function detail(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const job = await fleet.queries.job(idOf(c))
  if (job === undefined) return refused(c, noJob(c))
  const [definition, log] = await Promise.all([
    fleet.queries.definition(job.definition),
    logText(fleet.queries, job, `GET ${c.var.base}/api/v1/jobs/${job.id}/logs`),
  ])
  return c.json(jobDetail(job, definition, log))
}

async function logs(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const job = await fleet.queries.job(idOf(c))
  if (job === undefined) return refused(c, noJob(c))
  const after = queryNumber(c.req.query('cursor') ?? '0')
  const limit = queryNumber(c.req.query('limit') ?? String(LOG_PAGE_MAX))
  if (!Number.isSafeInteger(after) || after < 0) {
    return refused(c, refuse('INVALID_PAYLOAD', 'cursor must be a next_cursor of this list', { fields: ['cursor'] }))
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > LOG_PAGE_MAX) {
    const message = `limit must be a whole number from 1 to ${LOG_PAGE_MAX}`
    return refused(c, refuse('INVALID_PAYLOAD', message, { fields: ['limit'] }))
  }
  const lines = await fleet.queries.logs(job.id, { after, limit })
  const next = lines.length < limit ? null : lines.at(-1)?.seq ?? null
  return c.json({ items: lines.map((line) => logLine(line, job)), next_cursor: next === null ? null : String(next) })
}

async function history(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const job = await fleet.queries.job(idOf(c))
  if (job === undefined) return refused(c, noJob(c))
  return c.json({ items: (await fleet.queries.history(job.id)).map(historyEntry), next_cursor: null })
}

async function explained(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const id = idOf(c)
  const job = fleet.state.jobs.get(id) ?? await fleet.queries.job(id)
  if (job === undefined) return refused(c, noJob(c))
  const now = fleet.platform.now()
  return c.json(explanationView(explain(fleet.state, job, now), now))
}

/** Calls a job off, or takes it from a robot that does not answer. */
async function stop(
  fleet: Fleet,
  c: Context<HonoEnv>,
  verb: 'cancel' | 'release',
  schema: typeof Cancellation | typeof Release,
): Promise<Response> {
  const body = await readOptionalBody(c, schema)
  if (isRefusal(body)) return refused(c, body)
  const { reason } = body
  const by = c.var.key.name
  const asked = await fleet.request((reply) => ({ type: `${verb}.requested`, reply, job: idOf(c), by, reason }))
  return respond(c, asked, 'job', ({ job }) => c.json(jobSummary(job)))
}

/** Submits a job that has ended as a new one. */
async function again(fleet: Fleet, c: Context<HonoEnv>, mode: 'retry' | 'requeue'): Promise<Response> {
  const { id, name } = c.var.key
  setQuotaHeaders(c, submissionsLeft(fleet.state, id, fleet.platform.now()))
  const event = await retryJob(fleet, idOf(c), mode, name, id)
  if (isRefusal(event)) return refused(c, event)
  return submitted(fleet, c, await fleet.request(event))
}

function submitted(fleet: Fleet, c: Context<HonoEnv>, answer: Reply): Response {
  return respond(c, answer, 'job', ({ job, replayed }) =>
    c.json(submittedJob(fleet.state, job), 201, {
      ...locationOf(c, 'jobs', job.id),
      ...(replayed === true ? { 'Idempotency-Replayed': 'true' } : {}),
    }))
}

function idOf(c: Context<HonoEnv>): JobId {
  return c.req.param('id') as JobId
}

function noJob(c: Context<HonoEnv>): Refusal {
  return notFound('Job', idOf(c))
}
