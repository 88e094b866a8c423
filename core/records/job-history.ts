import type { JobId, RobotId } from '../base/ids.ts'
import { count, id, oneOf, text } from './fields.ts'
import { JOB_STATUSES, JOB_TRANSITION_NAMES } from './job.ts'
import { column, hidden, instant, jsonText, record, type RowOf, sequence } from './record.ts'

/** Events of a job besides its transitions. */
const OTHER_EVENTS = [
  'submit',
  'offer',
  'unanswered',
  'late_result',
  'stopped',
  'requeued',
  'started_job',
  'disconnected',
  'reconnected',
] as const

/** A history entry of a job. Append only, and never loaded into memory. */
export const HistoryEntry = record('job_history', {
  seq: sequence(),
  job_id: column('text', id<JobId>()),
  at: instant('int'),
  /** A transition of the table, or an event that does not change the status. */
  event: column('text', oneOf([...JOB_TRANSITION_NAMES, ...OTHER_EVENTS])),
  from_status: column('text?', oneOf(JOB_STATUSES)),
  to_status: column('text', oneOf(JOB_STATUSES)),
  attempt: column('int', count),
  /** The last offer at that moment, or the one that a late message was about. */
  offer: column('int', count),
  robot_id: column('text?', id<RobotId>()),
  /** The actor: a key's name, `robot:`, `trigger:` or `schedule:` with the id, or `orchestrator`. */
  actor: column('text', text),
  /** The reason, for people. */
  detail: column('text', text),
})
export interface HistoryRow extends RowOf<typeof HistoryEntry> {}

/** One line of a job's log. */
export const LogLine = record('job_logs', {
  seq: sequence(),
  job_id: hidden<JobId, 'text'>('text'),
  /** The instant at which it reached the orchestrator. */
  timestamp: instant('int'),
  /** The robot's own timestamp as it sent it; null if it sent none. */
  robot_timestamp: column('text?', text),
  robot_id: column('text', id<RobotId>()),
  level: column('text', text),
  node_id: column('text', text),
  message: column('text', text),
  extra: jsonText('text?'),
})
export interface LogRow extends RowOf<typeof LogLine> {}
