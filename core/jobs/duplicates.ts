import type { Submission } from '../api/jobs.ts'
import { canonicalJson } from '../base/canonical.ts'
import { isLive, type JobRow } from '../records/job.ts'
import type { State } from '../state.ts'
import type { Turn } from '../turn.ts'

/**
 * The key by which submissions are duplicates of each other: the same workflow, robot and parameters. A definition of the
 * job's own takes the place of the workflow, under the id that it was submitted with or, without one, by its text.
 * `hash`: SHA-256.
 */
export function duplicateKey(
  { workflow_id, robot_id, parameters }: Pick<Submission, 'workflow_id' | 'robot_id' | 'parameters'>,
  definition: { readonly hash: string } | null,
  hash: (text: string) => string,
): string {
  const what = definition === null ? workflow_id : { definition_of: workflow_id ?? definition.hash }
  return hash(canonicalJson([what, robot_id, parameters]))
}

/** An equal job that has not ended, or is younger than the window. */
export function findDuplicate(state: State, key: string, turn: Turn): JobRow | undefined {
  // Rows changed in this turn take precedence over those that were prefetched.
  const rows = [...turn.out.rows.jobs.values()].filter((job) => job.duplicate_key === key)
  const found = turn.prefetched.duplicates.get(key)
  if (found !== undefined && !turn.out.rows.jobs.has(found.id)) rows.push(state.jobs.get(found.id) ?? found)
  const first = rows.find((job) => isLive(job.status) || turn.now - job.created_at < state.settings.duplicateMs)
  if (first !== undefined || found === undefined) return first
  // The prefetched one has ended in this very turn. Look for others in memory, since none was prefetched.
  return [...state.jobs.values()].find((job) => job.duplicate_key === key && isLive(job.status))
}
