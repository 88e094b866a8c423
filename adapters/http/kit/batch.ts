import { BatchedSubmission } from '../../../core/api/jobs.ts'
import { isObject, type JsonObject, type Parsed } from '../../../core/base/json.ts'
import { type Refusal, refuse } from '../../../core/base/refusal.ts'
import { unknownName } from '../../../core/base/suggest.ts'
import { BATCH_JOBS_MAX } from '../../../core/api/paths.ts'
import { validate } from './request.ts'

/** The jobs of a batch, in order: one that is wrong is its refusal. A body that is no batch is refused as a whole. */
export function readBatch({ json, written }: Parsed): readonly (BatchedSubmission | Refusal)[] | Refusal {
  const jobs = isObject(json) ? json['jobs'] : undefined
  if (!isObject(json) || !Array.isArray(jobs)) {
    return invalid('The body must be a JSON object with an array of jobs: {"jobs": [{"workflow_id": …}, …]}', 'jobs')
  }
  const other = Object.keys(json).find((name) => name !== 'jobs')
  if (other !== undefined) return invalid(unknownName('field', other, ['jobs']), other)
  const problem = problemWithCount(jobs.length)
  if (problem !== null) return problem
  const tokens = (written as JsonObject)['jobs'] as Parsed['written'] & readonly Parsed['written'][]
  return jobs.map((job: Parsed['json'], i) =>
    isObject(job) ? validate({ json: job, written: tokens[i] ?? null }, BatchedSubmission) : NO_OBJECT
  )
}

const NO_OBJECT = refuse('INVALID_PAYLOAD', 'A job must be a JSON object')

/** The refusal of a batch with too few or too many jobs; null for any other. */
export function problemWithCount(count: number): Refusal | null {
  if (count === 0) return invalid('jobs must not be empty', 'jobs')
  if (count <= BATCH_JOBS_MAX) return null
  const message = `A batch has at most ${BATCH_JOBS_MAX} jobs, and this one has ${count}: send them in several batches`
  return refuse('INVALID_PAYLOAD', message, { fields: ['jobs'], max_jobs: BATCH_JOBS_MAX })
}

function invalid(message: string, field: string): Refusal {
  return refuse('INVALID_PAYLOAD', message, { fields: [field] })
}
