import type { JobId, TriggerId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import type { Change } from '../truth/change.ts'

/** The config of a trigger that fires by what happens in the fleet itself, as docs/TRIGGERS.md has it. */
export interface ChainConfig {
  readonly schedule_id?: string
  readonly call_alias?: string | null
  readonly after?: { readonly workflows: readonly string[]; readonly statuses: readonly string[] } | null
  readonly allowed_callers?: readonly string[]
}

/** The config of such a trigger. */
export function chainConfigOf({ config }: Pick<TriggerRow, 'config'>): ChainConfig {
  return config
}

/** True where people have made, changed or deleted it in this commit: perhaps more than once, and we see only the last. */
export function wasChanged({ chains: { former } }: Change, id: TriggerId, after: TriggerRow | undefined): boolean {
  const before = former.has(id) ? former.get(id) : after
  return before === undefined || after === undefined || before.revision !== after.revision
}

/** The job with this id, if this commit has made it. */
export function madeIn({ jobs }: Change, id: JobId | null): JobRow | undefined {
  return jobs.find(({ before, after }) => before === undefined && after.id === id)?.after
}
