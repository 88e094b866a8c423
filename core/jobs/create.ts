import { isOfWorkflow, type JobRow } from '../records/job.ts'
import type { JobSubmission } from '../events/jobs.ts'
import type { JobId, Millis, ScheduleId, TriggerId } from '../base/ids.ts'
import { evictUnused, saveDefinition, sentBytes, type WorkflowRef } from '../workflows/definitions.ts'
import type { State } from '../state.ts'
import type { Turn } from '../turn.ts'
import { type Refusal, refuse } from '../base/refusal.ts'
import { cut, exceedsBytes } from '../base/text.ts'
import { FRAME_BYTES_MAX } from '../protocol/decode.ts'
import { ASSIGN_OVERHEAD_BYTES } from '../settings.ts'
import { saveJob } from './save.ts'
import { recordHistory } from './history.ts'
import { blockedBy } from '../queue/concurrency.ts'

/** The fields of a new job that are set later. */
export const NEW_JOB = {
  offer: 0,
  attempt: 0,
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

/** The properties of a job, whatever creates it. */
export type JobSpec = Omit<JobSubmission, 'workflow' | 'key' | 'idempotency' | 'check_duplicate'>

/** Defaults of the properties. */
export const DEFAULT_JOB_SPEC = {
  robot: null,
  environment: '',
  pool: null,
  required_tags: [],
  required_capabilities: [],
  scheduled_time: null,
  timeout_ms: null,
  retry_safety: 'unless_started',
  max_attempts: 1,
  retry_on: [],
  concurrency_key: null,
  concurrency_limit: 1,
  duplicate_key: null,
} as const satisfies Partial<JobSpec>

/** The origin of a job, and the definition that it runs. */
export interface JobSource {
  readonly trigger: TriggerId | null
  readonly retry_of: JobId | null
  readonly schedule: ScheduleId | null
  /** The due instant for which the schedule makes it; null for a job made by hand. */
  readonly due_at: Millis | null
  /** The job that called it, or whose end it follows. */
  readonly parent: Pick<JobRow, 'id' | 'depth'> | null
  /** The root of the parent's family; null for a job that was submitted or retried. */
  readonly root: JobId | null
  /** Accept the job while draining: it follows from an event here, so no client could submit it again. */
  readonly while_draining: boolean
  readonly workflow: WorkflowRef
}

/** The origin of a job that was submitted directly. */
export const NO_SOURCE = {
  trigger: null,
  retry_of: null,
  schedule: null,
  due_at: null,
  parent: null,
  root: null,
  while_draining: false,
} as const

/** The refusal of whatever a client can submit again elsewhere or later. */
export const DRAINING: Refusal = refuse('UNAVAILABLE', 'The orchestrator is shutting down')

/**
 * Creates a job, or refuses: UNAVAILABLE while draining, QUEUE_FULL at the limit of live jobs, PAYLOAD_TOO_LARGE if it
 * would not fit into one frame to a robot.
 */
export function createJob(state: State, spec: JobSpec, source: JobSource, turn: Turn): JobRow | Refusal {
  if (state.draining && !source.while_draining) return DRAINING
  if (state.jobs.size >= state.settings.liveJobsMax) {
    return refuse('QUEUE_FULL', `${state.jobs.size} jobs are waiting or running, which is as many as may be`, {
      limit: state.settings.liveJobsMax,
    })
  }
  const { workflow } = source
  const { definition } = workflow
  const definitionBytes = state.definitions.get(definition.hash)?.sentBytes ?? sentBytes(definition.json)
  if (exceedsBytes(spec.parameters, FRAME_BYTES_MAX - ASSIGN_OVERHEAD_BYTES - definitionBytes)) {
    const message = 'The workflow and its parameters together do not fit into one message to a robot'
    return refuse('PAYLOAD_TOO_LARGE', message, { max_bytes: FRAME_BYTES_MAX - ASSIGN_OVERHEAD_BYTES })
  }
  const pool = spec.pool === null ? null : state.pools.get(spec.pool)
  if (pool === undefined) {
    return refuse('NOT_FOUND', `There is no pool ${cut(spec.pool ?? '', 100)}`, { fields: ['pool'] })
  }
  if (
    pool !== null && pool.workflows.length > 0 &&
    !(isOfWorkflow(workflow) && pool.workflows.includes(workflow.workflow_id))
  ) {
    const what = isOfWorkflow(workflow)
      ? `the workflow ${workflow.workflow_id}`
      : 'definitions that come with their jobs'
    return refuse('FORBIDDEN', `The pool ${pool.name} does not run ${what}`, { fields: ['pool'] })
  }
  saveDefinition(state, definition, turn)
  const job = newJob(state, spec, source, pool?.tags ?? [], turn)
  turn.out.created.add(job.id)
  saveJob(state, job, turn)
  evictUnused(state, definition.hash)
  const cause = { by: spec.by, detail: `submitted by ${spec.by}` }
  recordHistory(state, job, turn, { event: 'submit', from_status: null, cause })
  return job
}

/** Creates a job in the queue, or pending if its time has not come or a concurrency limit holds it back. */
function newJob(state: State, spec: JobSpec, source: JobSource, poolTags: readonly string[], turn: Turn): JobRow {
  const job = queuedJob(state, spec, source, poolTags, turn)
  if (spec.scheduled_time !== null && spec.scheduled_time > turn.now) {
    return { ...job, status: 'pending', queued_at: null, ready_at: spec.scheduled_time }
  }
  return blockedBy(state, job).length === 0 ? job : { ...job, status: 'pending', queued_at: null }
}

/**
 * All fields are written out: V8 would turn an object this wide that starts as a copy of a smaller one into a slow hash
 * table.
 */
function queuedJob(state: State, spec: JobSpec, source: JobSource, poolTags: readonly string[], turn: Turn): JobRow {
  const { workflow } = source
  return {
    offer: NEW_JOB.offer,
    attempt: NEW_JOB.attempt,
    refusals: NEW_JOB.refusals,
    robot_id: NEW_JOB.robot_id,
    robot_name: NEW_JOB.robot_name,
    offer_until: NEW_JOB.offer_until,
    offered_at: NEW_JOB.offered_at,
    offer_memory: NEW_JOB.offer_memory,
    stop_until: NEW_JOB.stop_until,
    started_at: NEW_JOB.started_at,
    completed_at: NEW_JOB.completed_at,
    progress: NEW_JOB.progress,
    current_node: NEW_JOB.current_node,
    progress_message: NEW_JOB.progress_message,
    robot_duration_ms: NEW_JOB.robot_duration_ms,
    result: NEW_JOB.result,
    error_message: NEW_JOB.error_message,
    error_type: NEW_JOB.error_type,
    stack_trace: NEW_JOB.stack_trace,
    failed_node: NEW_JOB.failed_node,
    dead_lettered: NEW_JOB.dead_lettered,
    id: spec.job,
    workflow_id: workflow.workflow_id,
    workflow_name: workflow.workflow_name,
    workflow_version: workflow.workflow_version,
    definition: workflow.definition.hash,
    pinned_robot_id: spec.robot,
    pool: spec.pool,
    environment: spec.environment,
    required_tags: poolTags.length === 0 ? spec.required_tags : [...new Set([...spec.required_tags, ...poolTags])],
    required_capabilities: spec.required_capabilities,
    priority: spec.priority,
    parameters: spec.parameters,
    timeout_ms: spec.timeout_ms ?? state.settings.jobTimeoutMs,
    retry_safety: spec.retry_safety,
    max_attempts: spec.max_attempts,
    retry_on: spec.retry_on,
    concurrency_key: spec.concurrency_key,
    concurrency_limit: spec.concurrency_limit,
    duplicate_key: spec.duplicate_key,
    retry_of: source.retry_of,
    scheduled_time: spec.scheduled_time,
    created_at: turn.now,
    created_by: spec.by,
    trigger_id: source.trigger,
    schedule_id: source.schedule,
    due_at: source.due_at,
    parent_job_id: source.parent?.id ?? null,
    root_job_id: source.root,
    depth: source.parent === null ? 0 : source.parent.depth + 1,
    seq: ++state.seq,
    status: 'queued',
    queued_at: turn.now,
    ready_at: null,
  }
}
