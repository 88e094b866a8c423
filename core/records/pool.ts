import type { Millis, RobotId, WorkflowId } from '../base/ids.ts'

/** Robots under a name: those that hold these tags. */
export interface PoolRow {
  readonly name: string
  readonly tags: readonly string[]
  /** How many jobs that ask for the pool may be queued or running at a time; null: any number. */
  readonly max_concurrent: number | null
  /** The workflows that may ask for it; empty: all. */
  readonly workflows: readonly WorkflowId[]
  readonly created_at: Millis
}

/** How often a robot has completed a workflow. Kept where the strategy is `affinity`. */
export interface AffinityRow {
  readonly workflow_id: WorkflowId
  readonly robot_id: RobotId
  readonly successes: number
}
