import * as v from 'valibot'
import type { JobId, JsonText, Millis, RobotId } from '../base/ids.ts'
import { instantText } from '../base/instant.ts'
import { fromText } from '../base/json.ts'
import { count, id, oneOf, text } from './fields.ts'
import { JOB_STATUSES, JOB_TRANSITION_NAMES } from './job.ts'
import { column, computed, hidden, instant, record, type RowOf, sequence, time } from './record.ts'

/** What happens to a job beside its transitions. */
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

/** What happened to a job, append only; never read back into memory. */
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
  /** Who made it happen: a key's name, `robot:`, `trigger:` or `schedule:` and the id, or `orchestrator`. */
  actor: column('text', text),
  /** Why, in words for people. */
  detail: column('text', text),
})
export interface HistoryRow extends RowOf<typeof HistoryEntry> {}

/** One line of a job's log. */
export const LogLine = record('job_logs', {
  seq: sequence(),
  job_id: hidden<JobId, 'text'>('text'),
  /** When it reached us. The robot's own clock stands in `logged_at`. */
  at: hidden<Millis, 'int'>('int'),
  logged_at: hidden<string, 'text'>('text'),
  robot_id: column('text', id<RobotId>()),
  level: column('text', text),
  node_id: column('text', text),
  message: column('text', text),
  extra: hidden<JsonText, 'text?'>('text?'),
}, {
  extra: computed(v.unknown(), ({ extra }: { readonly extra: JsonText | null }) => extra && fromText(extra)),
  /** When it reached the orchestrator. */
  timestamp: computed(time, ({ at }: { readonly at: Millis }) => instantText(at)),
  /** As the robot's own clock has it, in its own words. */
  robot_timestamp: computed(
    v.nullable(text),
    ({ logged_at }: { readonly logged_at: string }) => logged_at === '' ? null : logged_at,
  ),
})
export interface LogRow extends RowOf<typeof LogLine> {}
