import { Hono } from 'hono'
import type { Event } from '../../core/event.ts'
import type { JobId, ReplyId, RobotId, TriggerId, WorkflowId } from '../../core/ids.ts'
import { JOB_STATUSES, type JobStatus } from '../../core/job.ts'
import { toText } from '../../core/protocol/json.ts'
import { isRefusal, type Refusal, refuse } from '../../core/protocol/refusal.ts'
import { Submission } from '../../core/protocol/request.ts'
import type { KeyRow } from '../../core/state.ts'
import type { Fleet } from '../fleet.ts'
import type { JobQuery } from '../store/contract.ts'
import { definitionOf, encodeCursor, type Env, guard, pageQuery, readBody } from './request.ts'
import { answered, refused } from './respond.ts'
import { historyEntry, jobDetail, jobSummary, logLine } from './view.ts'

/** How much of a job's log its own page shows; the rest is at `/logs`. */
const LOG_TAIL = 100
const LOG_PAGE_MAX = 1000

/** `/api/v1/jobs`. */
export function jobRoutes(fleet: Fleet): Hono<Env> {
  const app = new Hono<Env>()
  const read = guard(fleet, 'jobs:read')

  app.post('/', guard(fleet, 'jobs:submit'), async (c) => {
    const body = await readBody(c, Submission)
    if (isRefusal(body)) return refused(c, body)
    const event = submission(fleet, body, c.var.key)
    if (isRefusal(event)) return refused(c, event)
    return answered(
      c,
      await fleet.request(event),
      'job',
      ({ job }) => c.json(jobSummary(job), 201, { Location: `/api/v1/jobs/${job.id}` }),
    )
  })

  app.get('/', read, async (c) => {
    const query = jobQuery(c.req.query(), pageQuery(c))
    if (isRefusal(query)) return refused(c, query)
    const page = await fleet.queries.jobs(query)
    return c.json({ items: page.items.map(jobSummary), next_cursor: encodeCursor(page.next) })
  })

  app.get('/:id', read, async (c) => {
    const job = await fleet.queries.job(c.req.param('id') as JobId)
    if (job === undefined) return refused(c, noJob(c.req.param('id')))
    const [definition, logs] = await Promise.all([
      fleet.queries.definition(job.definition),
      fleet.queries.logTail(job.id, LOG_TAIL),
    ])
    return c.json(jobDetail(job, definition, logs))
  })

  app.get('/:id/logs', read, async (c) => {
    const job = await fleet.queries.job(c.req.param('id') as JobId)
    if (job === undefined) return refused(c, noJob(c.req.param('id')))
    const after = Number(c.req.query('cursor') ?? 0)
    const limit = Number(c.req.query('limit') ?? LOG_PAGE_MAX)
    if (!Number.isSafeInteger(after) || after < 0) {
      return refused(c, refuse('INVALID_PAYLOAD', 'cursor must be a next_cursor of this list', { field: 'cursor' }))
    }
    if (!Number.isInteger(limit) || limit < 1 || limit > LOG_PAGE_MAX) {
      const message = `limit must be a whole number from 1 to ${LOG_PAGE_MAX}`
      return refused(c, refuse('INVALID_PAYLOAD', message, { field: 'limit' }))
    }
    const lines = await fleet.queries.logs(job.id, { after, limit })
    const next = lines.length < limit ? null : lines.at(-1)?.seq ?? null
    return c.json({ items: lines.map(logLine), next_cursor: next === null ? null : String(next) })
  })

  app.get('/:id/history', read, async (c) => {
    const job = await fleet.queries.job(c.req.param('id') as JobId)
    if (job === undefined) return refused(c, noJob(c.req.param('id')))
    return c.json({ items: (await fleet.queries.history(job.id)).map(historyEntry), next_cursor: null })
  })

  return app
}

/** The event that a submission is, or why it is none. */
function submission(
  fleet: Fleet,
  body: Submission,
  key: KeyRow,
): ((reply: ReplyId) => Event) | Refusal {
  const workflow = workflowOf(fleet, body)
  if (isRefusal(workflow)) return workflow
  const scheduledTime = body.scheduled_time === null ? null : Date.parse(body.scheduled_time)
  if (Number.isNaN(scheduledTime)) {
    return refuse('INVALID_PAYLOAD', 'scheduled_time is no such date', { field: 'scheduled_time' })
  }
  return (reply) => ({
    type: 'job.submitted',
    reply,
    job: fleet.platform.rowId() as JobId,
    by: key.name,
    workflow,
    parameters: toText(body.parameters),
    priority: body.priority,
    robot: body.robot_id,
    environment: body.environment,
    requiredTags: body.required_tags,
    requiredCapabilities: body.required_capabilities,
    scheduledTime,
    timeoutMs: body.timeout_seconds === undefined ? null : Math.round(body.timeout_seconds * 1000),
    retrySafety: body.retry_safety,
  })
}

function workflowOf(fleet: Fleet, body: Submission): Extract<Event, { type: 'job.submitted' }>['workflow'] | Refusal {
  if (body.workflow_json === undefined) {
    return body.workflow_id ?? refuse('INVALID_PAYLOAD', 'Missing required field: workflow_id', {
      field: 'workflow_id',
    })
  }
  const definition = definitionOf(body.workflow_json)
  if (isRefusal(definition)) return definition
  const id = body.workflow_id ?? (fleet.platform.rowId() as WorkflowId)
  return { id, name: body.workflow_name ?? id, definition }
}

function jobQuery(query: Record<string, string>, page: ReturnType<typeof pageQuery>): JobQuery | Refusal {
  if (isRefusal(page)) return page
  const status = query['status']?.split(',')
  const unknown = status?.find((name) => !(JOB_STATUSES as readonly string[]).includes(name))
  if (unknown !== undefined) {
    const message = `Unknown status ${unknown.slice(0, 50)}: use ${JOB_STATUSES.join(', ')}`
    return refuse('INVALID_PAYLOAD', message, { field: 'status' })
  }
  return {
    ...page,
    status: status as readonly JobStatus[] | undefined,
    workflow_id: query['workflow_id'] as WorkflowId | undefined,
    robot_id: query['robot_id'] as RobotId | undefined,
    trigger_id: query['trigger_id'] as TriggerId | undefined,
  }
}

function noJob(id: string): Refusal {
  return refuse('NOT_FOUND', `Job with ID ${id.slice(0, 256)} not found`)
}
