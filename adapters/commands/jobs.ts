import type { JobSubmitted, RetryRequested } from '../../core/events/jobs.ts'
import type { JobId, KeyId, WorkflowId } from '../../core/base/ids.ts'
import { isObject, type JsonObject, tokenOf, toText } from '../../core/base/json.ts'
import { canonicalNumber } from '../../core/base/number.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../../core/base/refusal.ts'
import type { Submission } from '../../core/api/jobs.ts'
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
  idempotency: JobSubmitted['idempotency'],
): Omit<JobSubmitted, 'reply'> | Refusal {
  const workflow = workflowOf(platform, body)
  if (isRefusal(workflow)) return workflow
  return {
    type: 'job.submitted',
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
    duplicate_key: typeof workflow === 'string'
      ? duplicateKeyOf(workflow, body)
      : duplicateKeyOf({ definition_of: body.workflow_id ?? workflow.definition.hash }, body),
    check_duplicate: body.check_duplicate,
    idempotency,
  }
}

/**
 * The stored form of an `Idempotency-Key`: with the caller's key. INVALID_PAYLOAD if it is invalid. The draft quotes
 * it; an unquoted one is accepted too.
 */
export function idempotencyOf(
  header: string | undefined,
  key: Pick<KeyRow, 'id'>,
  body: unknown,
  route = 'jobs',
): JobSubmitted['idempotency'] | Refusal {
  if (header === undefined) return null
  const given = /^"(.*)"$/.exec(header)?.[1] ?? header
  if (!/^[\x21-\x7e]{1,255}$/.test(given)) {
    return refuse('INVALID_PAYLOAD', 'Idempotency-Key must be 1 to 255 visible ASCII characters', {
      fields: ['Idempotency-Key'],
    })
  }
  return { key: sha256(JSON.stringify([key.id, route, given])), fingerprint: sha256(canonical(body)) }
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

function workflowOf(platform: Platform, body: Submission): JobSubmitted['workflow'] | Refusal {
  if (body.workflow_json === undefined) {
    return body.workflow_id ?? refuse('INVALID_PAYLOAD', 'Missing required field: workflow_id', {
      fields: ['workflow_id'],
    })
  }
  const definition = definitionOf(body.workflow_json)
  if (isRefusal(definition)) return definition
  const id = body.workflow_id ?? (platform.rowId() as WorkflowId)
  return { id, name: body.workflow_name ?? id, definition, workflow_duplicate_key: duplicateKeyOf(id, body) }
}

function duplicateKeyOf(what: unknown, { robot_id, parameters }: Submission): string {
  return sha256(canonical([what, robot_id, parameters]))
}

/**
 * JSON with the members of each object in order, so that equal values are equal texts. Numbers are equal by their exact
 * value, however they were written: 1, 1.0 and 1e0 are one, 9007199254740992 and 9007199254740993 are two.
 */
function canonical(json: unknown): string {
  const token = tokenOf(json)
  if (token !== null) return canonicalNumber(token)
  if (Array.isArray(json)) return `[${json.map(canonical).join()}]`
  if (!isObject(json)) return JSON.stringify(json)
  const members = Object.keys(json).toSorted().map((key) =>
    `${JSON.stringify(key)}:${canonical((json as JsonObject)[key])}`
  )
  return `{${members.join()}}`
}
