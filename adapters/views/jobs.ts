import type { BatchOutcome, JobDetail, LogLineView, SubmittedJob } from '../../core/api/jobs.ts'
import type { Millis } from '../../core/base/ids.ts'
import { instantText } from '../../core/base/instant.ts'
import { fromText, type JsonObject } from '../../core/base/json.ts'
import { REFUSALS, retryAfterOf } from '../../core/base/refusal.ts'
import { noSuitableRobot } from '../../core/explain/unsuited.ts'
import type { Explanation, ExplanationView } from '../../core/records/explanation.ts'
import { LogLine, type LogRow } from '../../core/records/job-history.ts'
import { isLive, Job, type JobRow } from '../../core/records/job.ts'
import { wholeParameters } from '../../core/records/parameters.ts'
import { errorPayload } from '../../core/protocol/encode.ts'
import type { SubmissionReply } from '../../core/reply.ts'
import type { State } from '../../core/state.ts'
import type { Queries } from '../store/contract.ts'
import { writtenAt } from './log-text.ts'

/** The parts of a job's answer that are not in its row. */

/** A submitted job, with a warning if no robot on record can run it. */
export function submittedJob(state: State, job: JobRow): SubmittedJob {
  const warning = isLive(job.status) ? noSuitableRobot(state, job) : null
  const shown = Job.show(job)
  return warning === null ? shown : { ...shown, warnings: [warning] }
}

/** A job of a batch, in brief. */
export function batchedJob({ id, status, workflow_id, created_at }: JobRow): NonNullable<BatchOutcome['job']> {
  return { id, status, workflow_id, created_at: instantText(created_at) }
}

/** The outcome of one job of a batch. */
export function batchOutcome(
  answer: SubmissionReply,
  show: (job: JobRow) => NonNullable<BatchOutcome['job']>,
): BatchOutcome {
  if (answer.type === 'job') return { status: answer.replayed === true ? 200 : 201, job: show(answer.job) }
  const { refusal } = answer
  const { status } = REFUSALS[refusal.refused]
  return { status, error: { ...errorPayload(refusal), retry_after: retryAfterOf(refusal) } }
}

/** The job with the text of its parameters, which a row from memory may lack. */
export async function withParameters(queries: Pick<Queries, 'job'>, job: JobRow): Promise<JobRow> {
  const stored = typeof job.parameters === 'string' ? undefined : await queries.job(job.id)
  return stored === undefined ? job : { ...job, parameters: stored.parameters }
}

/** One job, whole. */
export function jobDetail(job: JobRow, definition: string | undefined, logs: string): JobDetail {
  return {
    ...Job.show(job),
    workflow_json: definition ?? '{}',
    parameters: fromText(wholeParameters(job)) as JsonObject,
    result: job.result === null ? {} : fromText(job.result),
    stack_trace: job.stack_trace,
    logs,
  }
}

/** One line of a job's log. */
export function logLineView(line: LogRow, job: JobRow): LogLineView {
  return { ...LogLine.show(line), logged_at: instantText(writtenAt(line, job)) }
}

/** Explains why a job is not running. */
export function explanationView(explanation: Explanation, asOf: Millis): ExplanationView {
  const { queue, next_check_at } = explanation
  return {
    ...explanation,
    as_of: instantText(asOf),
    queue: queue && { ...queue, aging_at: instantOf(queue.aging_at) },
    next_check_at: instantOf(next_check_at),
  }
}

function instantOf(at: Millis | null): string | null {
  return at === null ? null : instantText(at)
}
