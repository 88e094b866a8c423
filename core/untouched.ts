import type { JobRow } from './job.ts'

/** Everything about a job that is still to come. */
export const NEW_JOB = {
  attempt: 0,
  tries: 0,
  refusals: 0,
  robot_id: null,
  robot_name: '',
  offer_until: null,
  offered_at: null,
  offer_memory: '',
  stop_until: null,
  started_at: null,
  completed_at: null,
  progress: 0,
  progress_message: '',
  robot_duration_ms: null,
  current_node: '',
  result: null,
  error_message: '',
  error_type: '',
  stack_trace: '',
  failed_node: '',
  dead_lettered: false,
} as const satisfies Partial<JobRow>
