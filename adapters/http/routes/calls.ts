import { type Context, Hono } from 'hono'
import { authorizeCall, type CallAccess, maySeeCall } from '../../../core/access/calls.ts'
import type { JobId } from '../../../core/base/ids.ts'
import { isLive, type JobRow } from '../../../core/records/job.ts'
import { toText } from '../../../core/base/json.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../../../core/base/refusal.ts'
import { CALL_WAIT_SECONDS_MAX, NewCall } from '../../../core/api/request.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { idempotencyOf } from '../../commands/jobs.ts'
import { bearerCredential, type HonoEnv, problemWithCoding, readOptionalBody } from '../kit/request.ts'
import { namesByPath, problemWithQuery, queryNumber } from '../kit/query.ts'
import { locationOf, refused, setQuotaHeaders } from '../kit/response.ts'
import { callView, firingView } from '../../views/triggers.ts'

/** `/api/v1/calls`: workflows that other workflows call by their alias, and wait for. */
export function callRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  app.post('/:alias', (c) => call(fleet, c))
  app.get('/:id', (c) => wait(fleet, c))
  return app
}

async function call(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const caller = callAccessOf(fleet, c, 'jobs:submit')
  if (isRefusal(caller)) return refused(c, caller)
  const { key, robot } = caller
  const problem = problemWithQuery(c, namesByPath(c)) ?? problemWithCoding(c)
  if (problem !== null) return refused(c, problem)
  const body = await readOptionalBody(c, NewCall)
  if (isRefusal(body)) return refused(c, body)
  const { wait_seconds, ...asked } = body
  const alias = c.req.param('alias') ?? ''
  const idempotency = idempotencyOf(c.req.header('idempotency-key'), key, asked, `call ${alias}`)
  if (isRefusal(idempotency)) return refused(c, idempotency)
  const answer = await fleet.request((reply) => ({
    type: 'workflow.called',
    reply,
    job: fleet.platform.rowId() as JobId,
    alias,
    by: { name: key.name, key: key.id },
    robot,
    parent: asked.parent_job_id,
    payload: toText(asked.parameters),
    idempotency,
  }))
  if (answer.type === 'refusal') {
    setQuotaHeaders(c, answer.quota)
    return refused(c, answer.refusal)
  }
  if (answer.type !== 'fired') throw new Error(`expected an answer of type fired, got ${answer.type}`)
  setQuotaHeaders(c, answer.quota)
  if (answer.job === null) return c.json(firingView(answer))
  return await respondWhenEnded(fleet, c, 'jobs:submit', answer.job, wait_seconds)
}

async function wait(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const caller = callAccessOf(fleet, c, 'jobs:read')
  if (isRefusal(caller)) return refused(c, caller)
  const problem = problemWithQuery(c, namesByPath(c)) ?? problemWithCoding(c)
  if (problem !== null) return refused(c, problem)
  const seconds = queryNumber(c.req.query('wait_seconds') ?? '0', true)
  if (!(seconds >= 0 && seconds <= CALL_WAIT_SECONDS_MAX)) {
    const message = `wait_seconds must be from 0 to ${CALL_WAIT_SECONDS_MAX}`
    return refused(c, refuse('INVALID_PAYLOAD', message, { fields: ['wait_seconds'] }))
  }
  const id = c.req.param('id') as JobId
  const job = await fleet.queries.job(id)
  const parent = job?.parent_job_id ?? null
  const calledBy = caller.robot === null || parent === null ? undefined : await fleet.queries.job(parent)
  if (job === undefined || !maySeeCall(caller, calledBy)) return refused(c, notFound('Job', id))
  return await respondWhenEnded(fleet, c, 'jobs:read', job, seconds)
}

/** Responds with the job once it has ended or the time is up, unless the key was revoked meanwhile. */
async function respondWhenEnded(
  fleet: Fleet,
  c: Context<HonoEnv>,
  scope: CallScope,
  job: JobRow,
  seconds: number,
): Promise<Response> {
  const isOver = (): boolean => fleet.phase !== 'running' || isRefusal(callAccessOf(fleet, c, scope))
  const until = { signal: c.req.raw.signal, mostMs: seconds * 1_000, isOver }
  const after = await fleet.watchers.jobEnded(job.id, until) ?? await fleet.queries.job(job.id) ?? job
  const caller = callAccessOf(fleet, c, scope)
  return isRefusal(caller) ? refused(c, caller) : shown(c, after)
}

type CallScope = Parameters<typeof authorizeCall>[2]

function callAccessOf(fleet: Fleet, c: Context, scope: CallScope): CallAccess | Refusal {
  return authorizeCall(fleet.state, bearerCredential(c.req.header('authorization')), scope)
}

/** 200 with what has become of it, or 202 while nothing has. */
function shown(c: Context<HonoEnv>, job: JobRow): Response {
  return c.json(callView(job), isLive(job.status) ? 202 : 200, locationOf(c, 'calls', job.id))
}
