/** The job that every system is given: 339 bytes of parameters, and 74 of result. */

const PARAMETERS_BYTES = 339
const RESULT_BYTES = 74

/** The parameters of the job with this number. */
export interface Parameters {
  readonly n: number
  readonly customer: string
  readonly note: string
}

const WITHOUT_NOTE = JSON.stringify({ n: 1_000_000, customer: 'C-10442', note: '' }).length

/** Numbers begin at a million, so that all have as many digits. */
export const FIRST = 1_000_000

export function parametersOf(n: number): Parameters {
  return { n, customer: 'C-10442', note: 'x'.repeat(PARAMETERS_BYTES - WITHOUT_NOTE) }
}

const TOTAL = { ok: true, total: 129.95, lines: 12, note: '' }
export const RESULT = { ...TOTAL, note: 'y'.repeat(RESULT_BYTES - JSON.stringify(TOTAL).length) }

if (JSON.stringify(parametersOf(FIRST)).length !== PARAMETERS_BYTES) {
  throw new Error('the parameters have another size')
}
if (JSON.stringify(RESULT).length !== RESULT_BYTES) throw new Error('the result has another size')

/** Milliseconds of the clock that all processes of the machine share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
