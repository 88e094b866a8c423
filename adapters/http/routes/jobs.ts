import { missingScope } from '../../../core/access/authorize.ts'
import { type BatchOutcome, jobs, type Submission, type SubmittedJob } from '../../../core/api/jobs.ts'
import type { JobId } from '../../../core/base/ids.ts'
import { isRefusal, notFound, type Refusal } from '../../../core/base/refusal.ts'
import { explain } from '../../../core/explain/explain.ts'
import { HistoryEntry } from '../../../core/records/job-history.ts'
import { Job, type JobRow } from '../../../core/records/job.ts'
import type { KeyRow } from '../../../core/records/key.ts'
import type { ReplyTo } from '../../../core/reply.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { idempotencyOf, retryJob, submissionOf, submitAll, submitJob } from '../../commands/jobs.ts'
import {
  batchedJob,
  batchOutcome,
  explanationView,
  jobDetail,
  logLineView,
  submittedJob,
  withParameters,
} from '../../views/jobs.ts'
import { logText } from '../../views/log-text.ts'
import { readBatch } from '../kit/batch.ts'
import { Answered, handlers, pageOfRows, type RequestTo } from '../kit/serve.ts'
import { waitForEnd } from '../kit/wait.ts'

export const jobHandlers = handlers(jobs, {
  submit: async ({ fleet, key, body, header, send }) => {
    const lack = lackOfScope(key, body)
    if (lack !== null) return lack
    const idempotency = idempotencyOf(header('idempotency-key'), key, body)
    if (isRefusal(idempotency)) return idempotency
    const command = submitJob(fleet.platform, body, key.name, key.id, idempotency)
    return isRefusal(command) ? command : submitted(fleet, await send(command))
  },
  submitBatch,
  list: async ({ fleet, query, page }) => {
    const found = await fleet.queries.jobs({ ...query, ...page })
    return { ...pageOfRows(found, Job.show), searched: found.searched }
  },
  get: async (request) => {
    const { fleet, id, base, authorize, query: { wait_seconds } } = request
    const ended = wait_seconds > 0 ? await waitForEnd(request, id as JobId, wait_seconds, authorize) : null
    if (isRefusal(ended)) return ended
    const row = ended ?? await fleet.queries.job(id as JobId)
    if (row === undefined) return notFound('Job', id)
    const job = await withParameters(fleet.queries, row)
    const [definition, log] = await Promise.all([
      fleet.queries.definition(job.definition),
      logText(fleet.queries, job, `GET ${base}/api/v1/jobs/${job.id}/logs`),
    ])
    return jobDetail(job, definition, log)
  },
  logs: async ({ fleet, id, query: { limit, cursor: after } }) => {
    const job = await fleet.queries.job(id as JobId)
    if (job === undefined) return notFound('Job', id)
    const lines = await fleet.queries.logs(job.id, { after, limit })
    const next = lines.length < limit ? null : lines.at(-1)?.seq ?? null
    return { items: lines.map((line) => logLineView(line, job)), next_cursor: next === null ? null : String(next) }
  },
  history: async ({ fleet, id }) => {
    const job = await fleet.queries.job(id as JobId)
    if (job === undefined) return notFound('Job', id)
    return { items: (await fleet.queries.history(job.id)).map(HistoryEntry.show), next_cursor: null }
  },
  explain: async ({ fleet, id }) => {
    const job = fleet.state.jobs.get(id as JobId) ?? await fleet.queries.job(id as JobId)
    if (job === undefined) return notFound('Job', id)
    const now = fleet.platform.now()
    return explanationView(explain(fleet.state, job, now), now)
  },
  cancel: async ({ id, key, body, send }) =>
    shown(await send({ type: 'cancel.requested', job: id as JobId, by: key.name, reason: body.reason })),
  release: async ({ id, key, body, send }) =>
    shown(await send({ type: 'release.requested', job: id as JobId, by: key.name, reason: body.reason })),
  retry: (request) => submitAgain(request, 'retry'),
  requeue: (request) => submitAgain(request, 'requeue'),
})

/** Submits up to a thousand jobs, each of which is accepted or refused by itself. */
async function submitBatch(
  { fleet, key, body, query, header, send }: RequestTo<typeof jobs.submitBatch>,
): Promise<{ items: BatchOutcome[] } | Refusal> {
  const read = readBatch(body)
  if (isRefusal(read)) return read
  const all = header('idempotency-key')
  const prepared = read.map((one, i) => {
    if (isRefusal(one)) return one
    const { idempotency_key, ...job } = one
    const lack = lackOfScope(key, job)
    if (lack !== null) return lack
    // A key of its own is the same here as with a single submission; that of the request covers each job by its place.
    const idempotency = idempotency_key === undefined
      ? idempotencyOf(all, key, job, `jobs/batch ${i}`)
      : idempotencyOf(idempotency_key, key, job)
    return isRefusal(idempotency) ? idempotency : submissionOf(fleet.platform, job, key.name, key.id, idempotency)
  })
  const answers = await submitAll(prepared, send)
  if (isRefusal(answers)) return answers
  const show = query.whole === true ? (job: JobRow) => submittedJob(fleet.state, job) : batchedJob
  return { items: answers.map((answer) => batchOutcome(answer, show)) }
}

/** The refusal of a key that may not submit this job; null for one that may. */
function lackOfScope(key: KeyRow, { workflow_json }: Pick<Submission, 'workflow_json'>): Refusal | null {
  return missingScope(key, workflow_json === undefined ? 'jobs:submit' : 'jobs:submit-definition')
}

/** Submits a job that has ended as a new one. */
async function submitAgain(
  { fleet, id, key, send }: RequestTo<typeof jobs.retry | typeof jobs.requeue>,
  mode: 'retry' | 'requeue',
): Promise<Answered<SubmittedJob> | Refusal> {
  const command = await retryJob(fleet, id as JobId, mode, key.name, key.id)
  return isRefusal(command) ? command : submitted(fleet, await send(command))
}

function submitted(fleet: Fleet, reply: ReplyTo<'job.submitted'> | Refusal): Answered<SubmittedJob> | Refusal {
  if (isRefusal(reply)) return reply
  const headers: Record<string, string> = reply.replayed === true ? { 'Idempotency-Replayed': 'true' } : {}
  return new Answered(submittedJob(fleet.state, reply.job), { headers })
}

function shown(reply: ReplyTo<'cancel.requested'> | Refusal) {
  return isRefusal(reply) ? reply : Job.show(reply.job)
}
