import type { Chance } from './chance.ts'

/** A robot's errors in a message: never in its type, its job, or the outcome. */
const MISTAKES: readonly Readonly<Record<string, unknown>>[] = [
  { robot_id: null },
  { robot_id: undefined },
  { robot_id: 7 },
  { duration_ms: 'long', failed_node: ['a', {}] },
  { stack_trace: { line: 1 }, current_node: 5, message: ['a\u0000'] },
]

const ABOUT_JOBS: ReadonlySet<string> = new Set([
  'job_accept',
  'job_reject',
  'job_progress',
  'job_complete',
  'job_failed',
  'job_cancelled',
])

/** R10: a message as a robot writes it that does not keep to the reference. */
export function malform(text: string, chance: Chance): string {
  const type = /^\{"type":"(\w+)"/.exec(text)?.[1] ?? ''
  if (!ABOUT_JOBS.has(type) || text.includes('NaN')) return text
  const message = JSON.parse(text) as { readonly payload?: object }
  if (message.payload === undefined) return text
  const wrong = Object.entries(chance.pick(MISTAKES) ?? {}).filter(([name]) => name in (message.payload ?? {}))
  return JSON.stringify({ ...message, payload: { ...message.payload, ...Object.fromEntries(wrong) } })
}
