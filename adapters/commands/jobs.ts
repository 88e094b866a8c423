import { identifyRequest } from '../../core/access/idempotency.ts'
import type { BatchSubmitted, JobSubmission, JobSubmitted, RetryRequested } from '../../core/events/jobs.ts'
import type { JobId, KeyId, WorkflowId } from '../../core/base/ids.ts'
import { toText } from '../../core/base/json.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../../core/base/refusal.ts'
import { duplicateKey } from '../../core/jobs/duplicates.ts'
import type { Submission } from '../../core/api/jobs.ts'
import type { ReplyTo, SubmissionReply } from '../../core/reply.ts'
import { definitionOf } from './workflows.ts'
import type { Fleet, Platform } from '../fleet/fleet.ts'
import { sha256 } from '../crypto/secrets.ts'
import type { KeyRow } from '../../core/records/key.ts'

/** The event that a submission is, whether it came over HTTP or from the same process; or why it is none. */
export function submitJob(
  platform: Platform,
  body: Submission,
  by: string,
  key: KeyId | null,
  idempotency: JobSubmission['idempotency'],
): Omit<JobSubmitted, 'reply'> | Refusal {
  const submission = submissionOf(platform, body, by, key, idempotency)
  return isRefusal(submission) ? submission : { type: 'job.submitted', ...submission }
}

/**
 * Submits those jobs of a batch that are no refusals already, as one event. Resolves with an answer for each, in order, or
 * with the refusal of all of them.
 */
export async function submitAll(
  prepared: readonly (JobSubmission | Refusal)[],
  send: (command: Omit<BatchSubmitted, 'reply'>) => Promise<ReplyTo<'batch.submitted'> | Refusal>,
): Promise<readonly SubmissionReply[] | Refusal> {
  const submissions = prepared.filter((one): one is JobSubmission => !isRefusal(one))
  const answered = submissions.length === 0 ? { answers: [] } : await send({ type: 'batch.submitted', submissions })
  if (isRefusal(answered)) return answered
  let next = 0
  return prepared.map((one) =>
    isRefusal(one) ? { type: 'refusal', refusal: one } : answered.answers[next++] as SubmissionReply
  )
}

/** The part of an event that one job is, submitted alone or in a batch; or the reason why it is none. */
export function submissionOf(
  platform: Pick<Platform, 'rowId'>,
  body: Submission,
  by: string,
  key: KeyId | null,
  idempotency: JobSubmission['idempotency'],
): JobSubmission | Refusal {
  const workflow = workflowOf(platform, body)
  if (isRefusal(workflow)) return workflow
  return {
    job: platform.rowId() as JobId,
    by,
    key,
    workflow,
    parameters: toText(body.parameters),
    priority: body.priority,
    robot: body.robot_id,
    environment: body.environment,
    required_tags: body.required_tags,
    required_capabilities: body.required_capabilities,
    scheduled_time: body.scheduled_time,
    timeout_ms: body.timeout_seconds === undefined ? null : Math.round(body.timeout_seconds * 1000),
    retry_safety: body.retry_safety,
    pool: body.pool,
    max_attempts: body.max_attempts,
    retry_on: body.retry_on,
    concurrency_key: body.concurrency_key,
    concurrency_limit: body.concurrency_limit,
    duplicate_key: duplicateKeyOf(body, typeof workflow === 'string' ? null : workflow.definition),
    check_duplicate: body.check_duplicate,
    idempotency,
  }
}

/** Reads an `Idempotency-Key`: null without one. */
export function idempotencyOf(
  header: string | undefined,
  { id }: Pick<KeyRow, 'id'>,
  body: unknown,
  route = 'jobs',
): JobSubmission['idempotency'] | Refusal {
  return header === undefined ? null : identifyRequest(header, { key: id, route, body }, sha256)
}

/** The event that running a job again is, with what it ran; NOT_FOUND for one that is not on disk. */
export async function retryJob(
  fleet: Fleet,
  id: JobId,
  mode: 'retry' | 'requeue',
  by: string,
  key: KeyId | null,
): Promise<Omit<RetryRequested, 'reply'> | Refusal> {
  const job = await fleet.queries.job(id)
  const json = job === undefined ? undefined : await fleet.queries.definition(job.definition)
  if (job === undefined || json === undefined) return notFound('Job', id)
  return {
    type: 'retry.requested',
    job: job.id,
    mode,
    new_job: fleet.platform.rowId() as JobId,
    by,
    key,
    definition: { hash: job.definition, json },
  }
}

/** The key by which a job is compared with others; null for one that does not ask for that: it costs a hash of all of it. */
function duplicateKeyOf(body: Submission, definition: { readonly hash: string } | null): string | null {
  return body.check_duplicate ? duplicateKey(body, definition, sha256) : null
}

function workflowOf(platform: Pick<Platform, 'rowId'>, body: Submission): JobSubmission['workflow'] | Refusal {
  if (body.workflow_json === undefined) {
    return body.workflow_id ?? refuse('INVALID_PAYLOAD', 'Missing required field: workflow_id', {
      fields: ['workflow_id'],
    })
  }
  const definition = definitionOf(body.workflow_json)
  if (isRefusal(definition)) return definition
  const id = body.workflow_id ?? (platform.rowId() as WorkflowId)
  return {
    id,
    name: body.workflow_name ?? id,
    definition,
    workflow_duplicate_key: duplicateKeyOf({ ...body, workflow_id: id }, null),
  }
}
