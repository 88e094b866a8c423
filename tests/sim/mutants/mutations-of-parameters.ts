import type { JsonText } from '../../../core/base/ids.ts'
import type { Prefetched } from '../../../core/prefetch.ts'
import type { JobRow } from '../../../core/records/job.ts'
import { type KnownMutant, type Mutant, ORIGINAL } from './mutant.ts'

/** Mutations of long parameters, which are not in memory. */

/** An offer is sent without what it lacks. */
const offersLackParameters = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    commit: (out) => {
      out.lacks.length = 0
      return ports.commit(out)
    },
  }),
})

/** Rows that are read for several offers get into the wrong ones. */
const parametersMixedUp = (): Mutant => ({
  ...ORIGINAL,
  store: (store) => {
    let last: JobRow['parameters'] | null = null
    return {
      ...store,
      prefetch(need) {
        const found = store.prefetch(need) as Prefetched
        const jobs = [...found.jobs].map(([id, job]): [typeof id, JobRow] => {
          const parameters = last ?? job.parameters
          last = job.parameters
          return [id, { ...job, parameters }]
        })
        return { ...found, jobs: new Map(jobs) }
      },
    }
  },
})

/** A job that is created and changed in one turn is written as memory has it. */
const sizeIsWritten = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports, state) => ({
    ...ports,
    commit: (out) => {
      for (const [id, job] of out.rows.jobs) {
        const size = state.jobs.get(id)?.parameters
        if (out.created.has(id) && typeof size === 'number') {
          out.rows.jobs.set(id, { ...job, parameters: String(size) as JsonText })
        }
      }
      return ports.commit(out)
    },
  }),
})

export const PARAMETER_MUTANTS: readonly KnownMutant[] = [
  { bug: 'an offer is sent without its parameters', within: 10, mutant: offersLackParameters, certain: ['crash'] },
  { bug: 'an offer has the parameters of another job', within: 10, mutant: parametersMixedUp, certain: ['crash'] },
  { bug: 'the size of the parameters is written', within: 5, mutant: sizeIsWritten },
]
