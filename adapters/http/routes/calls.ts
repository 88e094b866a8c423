import { maySeeCall } from '../../../core/access/calls.ts'
import { calls, type CallView } from '../../../core/api/calls.ts'
import type { JobId } from '../../../core/base/ids.ts'
import { fromText, toText } from '../../../core/base/json.ts'
import { isRefusal, notFound, type Refusal } from '../../../core/base/refusal.ts'
import { isLive, type JobRow } from '../../../core/records/job.ts'
import { idempotencyOf } from '../../commands/jobs.ts'
import { locationIn } from '../kit/response.ts'
import { Answered, handlers, type RequestTo } from '../kit/serve.ts'
import { waitForEnd } from '../kit/wait.ts'

export const callHandlers = handlers(calls, {
  start: async (request) => {
    const { fleet, alias, body, header, send } = request
    const access = request.access()
    if (isRefusal(access)) return access
    const { key, robot } = access
    const { wait_seconds, ...asked } = body
    const idempotency = idempotencyOf(header('idempotency-key'), key, asked, `call ${alias}`)
    if (isRefusal(idempotency)) return idempotency
    const reply = await send({
      type: 'workflow.called',
      job: fleet.platform.rowId() as JobId,
      alias,
      by: { name: key.name, key: key.id },
      robot,
      parent: asked.parent_job_id,
      payload: toText(asked.parameters),
      idempotency,
    })
    if (isRefusal(reply)) return reply
    if (reply.job !== null) return answerWhenEnded(request, reply.job, wait_seconds)
    const message = `No job was made: ${reply.skipped ?? ''}`
    return { status: 'ignored', trigger_id: reply.trigger.id, job_id: null, message }
  },
  get: async (request) => {
    const { fleet, id, query } = request
    const access = request.access()
    if (isRefusal(access)) return access
    const job = await fleet.queries.job(id as JobId)
    const parent = job?.parent_job_id ?? null
    const calledBy = access.robot === null || parent === null ? undefined : await fleet.queries.job(parent)
    if (job === undefined || !maySeeCall(access, calledBy)) return notFound('Job', id)
    return answerWhenEnded(request, job, query.wait_seconds)
  },
})

/** The job once it has ended or the time is up. Nothing is shown with a key that has been revoked meanwhile. */
async function answerWhenEnded(
  request: Pick<RequestTo<typeof calls.get>, 'fleet' | 'signal' | 'access' | 'base'>,
  job: JobRow,
  seconds: number,
): Promise<Answered<CallView> | Refusal> {
  const ended = await waitForEnd(request, job.id, seconds, request.access)
  if (isRefusal(ended)) return ended
  const after = ended ?? await request.fleet.queries.job(job.id) ?? job
  const headers = locationIn(request.base, 'calls', after.id)
  return new Answered(callView(after), { status: isLive(after.status) ? 202 : 200, headers })
}

function callView(job: JobRow): CallView {
  return {
    job_id: job.id,
    workflow_id: job.workflow_id,
    status: job.status,
    ended: !isLive(job.status),
    result: job.result === null ? {} : fromText(job.result),
    error_type: job.error_type,
    error_message: job.error_message,
    parent_job_id: job.parent_job_id,
  }
}
