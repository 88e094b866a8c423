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
  const counts = (job: JobRow): boolean => isLive(job.status) || turn.now - job.created_at < state.settings.duplicateMs
  // Rows changed in this turn take precedence over those that were prefetched.
  for (const job of turn.out.rows.jobs.values()) if (job.duplicate_key === key && counts(job)) return job
  const found = turn.prefetched.duplicates.get(key)
  if (found === undefined) return undefined
  const present = state.jobs.get(found.id) ?? found
  if (!turn.out.rows.jobs.has(found.id) && counts(present)) return present
  // The prefetched one has ended in this very turn. Look for others in memory, since none was prefetched.
  return [...state.jobs.values()].find((job) => job.duplicate_key === key && isLive(job.status))
}
