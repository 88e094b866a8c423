import type { Effects } from '../../../core/turn.ts'
import type { JobId, KeyId, Millis, RobotId, TriggerId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { TriggerEventRow, TriggerRow } from '../../../core/records/trigger.ts'

/** The fields of a trigger that people settle. */
export type TriggerPlan = Pick<
  TriggerRow,
  'trigger_type' | 'workflow_id' | 'config' | 'filter' | 'priority' | 'cooldown_ms'
>

/** One call of a workflow, however often it was sent. */
export interface CallTruth {
  readonly alias: string
  /** The job that calls; null for a person. */
  readonly parent: JobId | null
  /** The robot whose key the call comes with; null for a person. */
  readonly robot: RobotId | null
  readonly by: { readonly name: string; readonly key: KeyId }
  /** The job that it has made. */
  child: JobId | null
  /** The status with which that ended, as the caller has read it. */
  outcome: JobRow['status'] | null
  /** Nobody waits for it any more. */
  over: boolean
}

interface OnDisk {
  readonly triggers: ReadonlyMap<string, TriggerRow>
  readonly trigger_events: ReadonlyMap<string, TriggerEventRow>
}

/** A trigger's counts, added up from its events and its jobs. */
export interface TriggerCounts {
  fired: number
  skipped: number
  success: number
  error: number
}

/** The simulation's own knowledge of triggers, and of jobs that lead to others. */
export class ChainTruth {
  /** The triggers as they were found after each commit. */
  readonly triggers = new Map<TriggerId, TriggerRow>()
  /** When people changed each, or took it away: how many commits had been asked for. */
  readonly changedAt = new Map<TriggerId, number>()
  /** All that people have wanted each to be. */
  readonly plans = new Map<TriggerId, readonly TriggerPlan[]>()
  readonly counts = new Map<TriggerId, TriggerCounts>()
  /** When the latest events were written down that made no job. */
  readonly skips = new Map<TriggerId, readonly Millis[]>()
  /** Causes that have reached their trigger: by trigger and job. */
  readonly done = new Set<string>()
  /** The root of each job that has another above it, how many are above it, and how many each root has led to. */
  readonly roots = new Map<JobId, JobId>()
  readonly depths = new Map<JobId, number>()
  readonly descendants = new Map<JobId, number>()
  /** Calls, by every job id that was sent with one. */
  readonly calls = new Map<JobId, CallTruth>()

  /** Takes in the triggers that are on the disk when everything begins. */
  load({ triggers }: OnDisk): void {
    for (const trigger of triggers.values()) this.triggers.set(trigger.id, trigger)
  }

  /** A transaction is on the disk: what it wrote, and what was there before. */
  committed({ rows, deletions, triggerEvents }: Effects, onDisk: OnDisk, commits: number): ChainChange {
    const former = new Map<TriggerId, TriggerRow | undefined>()
    for (const id of [...rows.triggers.keys(), ...deletions.triggers]) {
      const [before, after] = [this.triggers.get(id), onDisk.triggers.get(id)]
      former.set(id, before)
      if (before?.revision !== after?.revision) this.changedAt.set(id, commits)
      if (after === undefined) this.triggers.delete(id)
      else this.triggers.set(id, after)
    }
    const events = triggerEvents.flatMap((event) => onDisk.trigger_events.get(String(event.seq)) ?? [])
    return { former, events }
  }

  countsOf(trigger: TriggerId): TriggerCounts {
    let counts = this.counts.get(trigger)
    if (counts === undefined) this.counts.set(trigger, counts = { fired: 0, skipped: 0, success: 0, error: 0 })
    return counts
  }

  rootOf(job: JobId): JobId {
    return this.roots.get(job) ?? job
  }

  depthOf(job: JobId): number {
    return this.depths.get(job) ?? 0
  }

  descendantsOf(job: JobId): number {
    return this.descendants.get(this.rootOf(job)) ?? 0
  }

  /** A job has led to another. */
  joined(parent: JobId, child: JobId): void {
    const root = this.rootOf(parent)
    this.roots.set(child, root)
    this.depths.set(child, this.depthOf(parent) + 1)
    this.descendants.set(root, this.descendantsOf(parent) + 1)
  }
}

/** The part of a transaction that is about triggers. */
export interface ChainChange {
  /** The triggers that it touched, as they were before. */
  readonly former: ReadonlyMap<TriggerId, TriggerRow | undefined>
  readonly events: readonly TriggerEventRow[]
}
