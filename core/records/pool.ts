import type { RobotId, WorkflowId } from '../base/ids.ts'
import { count, id, list, text } from './fields.ts'
import { column, hidden, instant, key, record, type RowOf } from './record.ts'

/** Robots under a name: those that hold these tags. */
export const Pool = record('pools', {
  name: key(text),
  tags: column('json', list(text)),
  /** The number of jobs requesting the pool that may be queued or running at a time; null: no limit. */
  max_concurrent: column('int?', count),
  /** The workflows that may ask for it; empty: all. */
  workflows: column('json', list(id<WorkflowId>())),
  created_at: instant('int'),
})
export interface PoolRow extends RowOf<typeof Pool> {}

/** The number of times that a robot has completed a workflow. Stored if the strategy is `affinity`. */
export const Affinity = record('affinities', {
  workflow_id: key(id<WorkflowId>()),
  robot_id: key(id<RobotId>()),
  successes: hidden<number, 'int'>('int'),
})
export interface AffinityRow extends RowOf<typeof Affinity> {}
