import { assert } from '../base/assert.ts'
import type { JobId, JsonText } from '../base/ids.ts'
import { exceedsBytes, utf8Bytes } from '../base/text.ts'
import { PARAMETERS_IN_MEMORY_BYTES } from '../settings.ts'
import type { JobRow } from './job.ts'

/** The parameters of a job, which may be large. In memory a job has only short ones, so memory is bounded. */

type Parametrized = Pick<JobRow, 'parameters'>

/** The job as it is kept in memory: of long parameters it has only the size. The store has the text. */
export function withoutLongParameters(job: JobRow): JobRow {
  const { parameters } = job
  if (typeof parameters === 'number' || !exceedsBytes(parameters, PARAMETERS_IN_MEMORY_BYTES)) return job
  return { ...job, parameters: utf8Bytes(parameters) }
}

/** The text of the parameters, of a job as it was submitted or is stored. */
export function wholeParameters({ parameters }: Parametrized): JsonText {
  assert(typeof parameters === 'string', 'the parameters of a stored job are a text')
  return parameters
}

/** The size of the parameters in bytes. */
export function parametersBytes({ parameters }: Parametrized): number {
  return typeof parameters === 'number' ? parameters : utf8Bytes(parameters)
}

/** The parameters of a job that are in the store alone, and their size in bytes. */
export interface StoredParameters {
  readonly job: JobId
  readonly bytes: number
}
