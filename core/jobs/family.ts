import type { FactOf } from '../fact.ts'
import type { JobId } from '../base/ids.ts'
import type { FamilyMember, JobRow } from '../records/job.ts'
import { type Refusal, refuse } from '../base/refusal.ts'
import type { State } from '../state.ts'
import type { Family } from '../indexes.ts'

/** The root of the family of a job: the job itself if no other led to it. */
export function rootOf({ id, root_job_id }: Pick<JobRow, 'id' | 'root_job_id'>): JobId {
  return root_job_id ?? id
}

/** Counts, from rows, the families with more than a root and at least one live job. */
export function countFamilies(members: Iterable<FamilyMember>): Map<JobId, Family> {
  const families = new Map<JobId, Family>()
  for (const member of members) {
    const { made, live } = families.get(rootOf(member)) ?? NONE
    families.set(rootOf(member), {
      made: made + (member.root_job_id === null ? 0 : 1),
      live: live + (member.completed_at === null ? 1 : 0),
    })
  }
  for (const [root, { made, live }] of families) if (made === 0 || live === 0) families.delete(root)
  return families
}
const NONE: Family = { made: 0, live: 0 }

/** CALL_TOO_WIDE if the root of this job has led to the maximum number of jobs. */
export function familyTooLarge(state: State, parent: JobRow): Refusal | null {
  const root = rootOf(parent)
  const { made } = state.families.get(root) ?? NONE
  const limit = state.settings.descendantsMax
  if (made < limit) return null
  const message =
    `Job ${root} has led to ${made} jobs, and at most ${limit} may follow from one: do they start ever more?`
  return refuse('CALL_TOO_WIDE', message, { limit, root_job_id: root, parent_job_id: parent.id })
}

/**
 * Counts a job that another has led to. The parent is live, or its end is being processed: `leaveFamily` runs after
 * that.
 */
export function joinFamily(state: State, parent: JobRow): void {
  const { made, live } = state.families.get(rootOf(parent)) ?? { made: 0, live: 1 }
  state.families.set(rootOf(parent), { made: made + 1, live: live + 1 })
}

/** Counts the end of a job, after the jobs that follow from it were started. */
export function leaveFamily(state: State, { job }: FactOf<'job.ended'>): void {
  const root = rootOf(job)
  const family = state.families.get(root)
  if (family === undefined) return
  if (family.live === 1) state.families.delete(root)
  else state.families.set(root, { ...family, live: family.live - 1 })
}
