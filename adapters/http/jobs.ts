import { Hono } from 'hono'
import { lacking } from '../../core/access.ts'
import { explain } from '../../core/explain.ts'
import type { JobId } from '../../core/ids.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../../core/protocol/refusal.ts'
import { Cancellation, Release, Submission } from '../../core/protocol/request.ts'
import { submissionsLeft } from '../../core/rate.ts'
import type { Fleet } from '../fleet.ts'
import { logText } from '../log-text.ts'
import { idempotencyOf, retrying, submission } from '../submission.ts'
import { encodeCursor, type Env, guard, pageQuery, readBody, readOptionalBody } from './request.ts'
import { jobQuery, numberIn } from './query.ts'
import { answered, locationOf, refused, tellQuota } from './respond.ts'
import { unlessUnchanged } from './unchanged.ts'
import { explanationView, historyEntry, jobDetail, jobSummary, logLine, submittedJob } from './view.ts'

const LOG_PAGE_MAX = 1000

/** `/api/v1/jobs`. */
export function jobRoutes(fleet: Fleet): Hono<Env> {
  const app = new Hono<Env>()
  const read = guard(fleet, 'jobs:read')

  app.post('/', guard(fleet, 'jobs:submit', 'jobs:submit-definition'), async (c) => {
    tellQuota(c, submissionsLeft(fleet.state, c.var.key.id, fleet.platform.now()))
    const body = await readBody(c, Submission)
    if (isRefusal(body)) return refused(c, body)
    const lack = lacking(c.var.key, body.workflow_json === undefined ? 'jobs:submit' : 'jobs:submit-definition')
    if (lack !== null) return refused(c, lack)
    const idempotency = idempotencyOf(c.req.header('idempotency-key'), c.var.key, body)
    if (isRefusal(idempotency)) return refused(c, idempotency)
    const event = submission(fleet.platform, body, c.var.key.name, c.var.key.id, idempotency)
    if (isRefusal(event)) return refused(c, event)
    return answered(
      c,
      await fleet.request(event),
      'job',
      ({ job, replayed }) =>
        c.json(submittedJob(fleet.state, job), 201, {
          ...locationOf(c, 'jobs', job.id),
          ...(replayed === true ? { 'Idempotency-Replayed': 'true' } : {}),
        }),
    )
  })

  app.get('/', read, async (c) => {
    const query = jobQuery(c.req.query(), pageQuery(c))
    if (isRefusal(query)) return refused(c, query)
    const page = await fleet.queries.jobs(query)
    return c.json({ items: page.items.map(jobSummary), next_cursor: encodeCursor(page.next) })
  })

  app.get('/:id', read, unlessUnchanged, async (c) => {
    const job = await fleet.queries.job(c.req.param('id') as JobId)
    if (job === undefined) return refused(c, noJob(c.req.param('id')))
    const [definition, logs] = await Promise.all([
      fleet.queries.definition(job.definition),
      logText(fleet.queries, job, `GET ${c.var.base}/api/v1/jobs/${job.id}/logs`),
    ])
    return c.json(jobDetail(job, definition, logs))
  })

  app.get('/:id/logs', read, async (c) => {
    const job = await fleet.queries.job(c.req.param('id') as JobId)
    if (job === undefined) return refused(c, noJob(c.req.param('id')))
    const after = numberIn(c.req.query('cursor') ?? '0')
    const limit = numberIn(c.req.query('limit') ?? String(LOG_PAGE_MAX))
    if (!Number.isSafeInteger(after) || after < 0) {
      return refused(c, refuse('INVALID_PAYLOAD', 'cursor must be a next_cursor of this list', { field: 'cursor' }))
    }
    if (!Number.isInteger(limit) || limit < 1 || limit > LOG_PAGE_MAX) {
      const message = `limit must be a whole number from 1 to ${LOG_PAGE_MAX}`
      return refused(c, refuse('INVALID_PAYLOAD', message, { field: 'limit' }))
    }
    const lines = await fleet.queries.logs(job.id, { after, limit })
    const next = lines.length < limit ? null : lines.at(-1)?.seq ?? null
    return c.json({ items: lines.map((line) => logLine(line, job)), next_cursor: next === null ? null : String(next) })
  })

  app.get('/:id/history', read, async (c) => {
    const job = await fleet.queries.job(c.req.param('id') as JobId)
    if (job === undefined) return refused(c, noJob(c.req.param('id')))
    return c.json({ items: (await fleet.queries.history(job.id)).map(historyEntry), next_cursor: null })
  })

  app.get('/:id/explain', read, async (c) => {
    const id = c.req.param('id') as JobId
    const job = fleet.state.jobs.get(id) ?? await fleet.queries.job(id)
    if (job === undefined) return refused(c, noJob(id))
    const now = fleet.platform.now()
    return c.json(explanationView(explain(fleet.state, job, now), now))
  })

  for (const [verb, schema] of [['cancel', Cancellation], ['release', Release]] as const) {
    app.post(`/:id/${verb}`, guard(fleet, 'jobs:cancel'), async (c) => {
      const body = await readOptionalBody(c, schema)
      if (isRefusal(body)) return refused(c, body)
      const job = c.req.param('id') as JobId
      const by = c.var.key.name
      const answer = await fleet.request((reply) => ({
        type: `${verb}.requested`,
        reply,
        job,
        by,
        reason: body.reason,
      }))
      return answered(c, answer, 'job', ({ job }) => c.json(jobSummary(job)))
    })
  }

  for (const mode of ['retry', 'requeue'] as const) {
    app.post(`/:id/${mode}`, guard(fleet, 'jobs:submit'), async (c) => {
      const { id, name } = c.var.key
      tellQuota(c, submissionsLeft(fleet.state, id, fleet.platform.now()))
      const event = await retrying(fleet, c.req.param('id') as JobId, mode, name, id)
      if (isRefusal(event)) return refused(c, event)
      return answered(
        c,
        await fleet.request(event),
        'job',
        ({ job }) => c.json(submittedJob(fleet.state, job), 201, locationOf(c, 'jobs', job.id)),
      )
    })
  }

  return app
}

function noJob(id: string): Refusal {
  return notFound('Job', id)
}
