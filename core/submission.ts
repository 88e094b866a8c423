import { refuseRequest, type Reply, reply, type Turn } from './effects.ts'
import type { JobSubmitted } from './event.ts'
import { blockedBy } from './gate.ts'
import type { JobId, Millis, ScheduleId, TriggerId } from './ids.ts'
import { isLive, type JobRow, type JobStatus } from './job.ts'
import { evictUnused, findJob, recordHistory, saveDefinition, saveJob, sentBytes } from './keep.ts'
import { ASSIGN_OVERHEAD_BYTES } from './limits.ts'
import { cut } from './protocol/cut.ts'
import { exceedsBytes, FRAME_BYTES_MAX } from './protocol/decode.ts'
import { isRefusal, type Refusal, refuse } from './protocol/refusal.ts'
import { isOfWorkflow, publishedWorkflow, submittedWorkflow, type WorkflowRef } from './published.ts'
import { submissionWindow, withSubmissionLimit } from './rate.ts'
import type { IdempotencyRow, State } from './state.ts'
import { NEW_JOB } from './untouched.ts'

/** What a job is made of, whoever asks for it. */
export type JobSpec = Omit<JobSubmitted, 'type' | 'reply' | 'workflow' | 'key' | 'idempotency' | 'checkDuplicate'>

/** What nothing was said about. */
export const DEFAULT_JOB_SPEC = {
  robot: null,
  environment: '',
  pool: null,
  requiredTags: [],
  requiredCapabilities: [],
  scheduledTime: null,
  timeoutMs: null,
  retrySafety: 'unless_started',
  maxAttempts: 1,
  retryOn: [],
  concurrencyKey: null,
  concurrencyLimit: 1,
  duplicateKey: null,
} as const satisfies Partial<JobSpec>

/** What a job comes from, and what it runs. */
export interface JobSource {
  readonly trigger: TriggerId | null
  readonly retryOf: JobId | null
  readonly schedule: ScheduleId | null
  /** The instant for which the schedule makes it; null for a job by hand. */
  readonly dueAt: Millis | null
  /** The job that asked for it, or whose end it follows. */
  readonly parent: Pick<JobRow, 'id' | 'depth'> | null
  /** The root of that one's family; null for a job that somebody asks for, also again. */
  readonly root: JobId | null
  /** It follows from what has happened here, and nobody could ask for it again: it is taken in while draining too. */
  readonly whileDraining: boolean
  readonly workflow: WorkflowRef
}

/** A job that somebody asks for himself. */
export const NO_SOURCE = {
  trigger: null,
  retryOf: null,
  schedule: null,
  dueAt: null,
  parent: null,
  root: null,
  whileDraining: false,
} as const

/** The definition that a job runs, and under what name. */
/**
 * Somebody submits a job over the API. The answer comes once the job is durable. The same request again, by its
 * idempotency key, gets the same answer, makes no second job, and uses nothing up. Only what makes a job counts for the
 * limit on submissions: so the rows of the jobs are what a restart knows it by.
 */
export function submitted(state: State, event: JobSubmitted, turn: Turn): void {
  const { idempotency } = event
  const earlier = findIdempotent(state, idempotency, turn)
  if (idempotency !== null && earlier !== undefined) {
    const quota = event.key === null ? null : submissionWindow(state, event.key).quota(turn.now)
    return reply(turn, event.reply, { ...replayReply(state, idempotency.fingerprint, earlier, turn), quota })
  }
  const { job, quota } = withSubmissionLimit(state, event.key, turn, () => createSubmitted(state, event, turn))
  if (isRefusal(job)) return refuseRequest(turn, event.reply, job, quota)
  saveIdempotent(idempotency, job, turn)
  reply(turn, event.reply, { type: 'job', job, quota })
}

type Idempotency = JobSubmitted['idempotency']

/** What was answered to the same request, if that is not too long ago. */
export function findIdempotent(state: State, idempotency: Idempotency, turn: Turn): IdempotencyRow | undefined {
  if (idempotency === null) return undefined
  const earlier = turn.out.rows.idempotency.get(idempotency.key) ?? turn.prefetched.idempotency.get(idempotency.key)
  const recent = earlier !== undefined && turn.now - earlier.created_at < state.settings.idempotencyMs
  return recent ? earlier : undefined
}

/** Remembers what a request is answered with. */
export function saveIdempotent(idempotency: Idempotency, job: JobRow, turn: Turn): void {
  if (idempotency === null) return
  const row = { ...idempotency, job_id: job.id, status: job.status, created_at: turn.now }
  turn.out.rows.idempotency.set(row.key, row)
}

/** What was answered the first time; IDEMPOTENCY_MISMATCH when this is another request under the same key. */
function replayReply(
  state: State,
  fingerprint: string,
  earlier: IdempotencyRow,
  turn: Turn,
): Extract<Reply, { type: 'job' | 'refusal' }> {
  const job = findJob(state, earlier.job_id, turn)
  if (earlier.fingerprint !== fingerprint) {
    const message = 'This Idempotency-Key was used for a request with another body'
    return { type: 'refusal', refusal: refuse('IDEMPOTENCY_MISMATCH', message, { job_id: earlier.job_id }) }
  }
  if (job === undefined) {
    const message = `The job ${earlier.job_id} that this Idempotency-Key made has been deleted since`
    return { type: 'refusal', refusal: refuse('NOT_FOUND', message, { job_id: earlier.job_id }) }
  }
  return { type: 'job', job: asSubmitted(job, earlier.status), replayed: true }
}

/** A job as it was when it had just been submitted. */
function asSubmitted(job: JobRow, status: JobStatus): JobRow {
  const waits = job.scheduled_time !== null && job.scheduled_time > job.created_at
  const queued_at = status === 'queued' ? job.created_at : null
  return { ...job, ...NEW_JOB, status, queued_at, ready_at: waits ? job.scheduled_time : null }
}

function createSubmitted(state: State, event: JobSubmitted, turn: Turn): JobRow | Refusal {
  const { workflow, checkDuplicate } = event
  const ref = typeof workflow === 'string'
    ? publishedWorkflow(state.workflows.get(workflow), workflow, state)
    : submittedWorkflow(state, workflow)
  if (isRefusal(ref)) return ref
  const isPublished = typeof workflow !== 'string' && isOfWorkflow(ref)
  const duplicateKey = isPublished ? workflow.workflowDuplicateKey ?? null : event.duplicateKey
  const first = duplicateKey === null || !checkDuplicate ? undefined : findDuplicate(state, duplicateKey, turn)
  if (first !== undefined) {
    const message = `The same job was submitted as ${first.id}, which is ${first.status}`
    return refuse('DUPLICATE_JOB', message, { job_id: first.id, status: first.status })
  }
  return createJob(state, { ...event, duplicateKey }, { ...NO_SOURCE, workflow: ref }, turn)
}

/** An earlier job that would do the same, and has not ended or is younger than the window. */
function findDuplicate(state: State, key: string, turn: Turn): JobRow | undefined {
  // What this turn has changed goes before what was on disk when it began.
  const rows = [...turn.out.rows.jobs.values()].filter((job) => job.duplicate_key === key)
  const found = turn.prefetched.duplicates.get(key)
  if (found !== undefined && !turn.out.rows.jobs.has(found.id)) rows.push(state.jobs.get(found.id) ?? found)
  const first = rows.find((job) => isLive(job.status) || turn.now - job.created_at < state.settings.duplicateMs)
  if (first !== undefined || found === undefined) return first
  // The one that was found has ended in this very turn. There may be others of which nobody asked whether they are.
  return [...state.jobs.values()].find((job) => job.duplicate_key === key && isLive(job.status))
}

/**
 * Takes a job in, or says why not. UNAVAILABLE while draining, QUEUE_FULL at the bound on live jobs,
 * PAYLOAD_TOO_LARGE when no robot could be sent it in one frame.
 */
export function createJob(state: State, spec: JobSpec, source: JobSource, turn: Turn): JobRow | Refusal {
  if (state.draining && !source.whileDraining) return refuse('UNAVAILABLE', 'The orchestrator is shutting down')
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
    return refuse('NOT_FOUND', `There is no pool ${cut(spec.pool ?? '', 100)}`, { field: 'pool' })
  }
  if (
    pool !== null && pool.workflows.length > 0 &&
    !(isOfWorkflow(workflow) && pool.workflows.includes(workflow.workflow_id))
  ) {
    const what = isOfWorkflow(workflow)
      ? `the workflow ${workflow.workflow_id}`
      : 'definitions that come with their jobs'
    return refuse('FORBIDDEN', `The pool ${pool.name} does not run ${what}`, { field: 'pool' })
  }
  saveDefinition(state, definition, turn)
  const job = newJob(state, spec, source, pool?.tags ?? [], turn)
  saveJob(state, job, turn)
  evictUnused(state, definition.hash)
  const cause = { by: spec.by, detail: `submitted by ${spec.by}` }
  recordHistory(state, job, turn, { event: 'submit', from_status: null, cause })
  return job
}

/** A job in the queue, or, if its time has not come or a concurrency limit holds it back, before the queue. */
function newJob(state: State, spec: JobSpec, source: JobSource, poolTags: readonly string[], turn: Turn): JobRow {
  const job = queuedJob(state, spec, source, poolTags, turn)
  if (spec.scheduledTime !== null && spec.scheduledTime > turn.now) {
    return { ...job, status: 'pending', queued_at: null, ready_at: spec.scheduledTime }
  }
  return blockedBy(state, job).length === 0 ? job : { ...job, status: 'pending', queued_at: null }
}

/** Written out: an object this wide that begins as a copy of a smaller one is a hash table to V8, and stays one. */
function queuedJob(state: State, spec: JobSpec, source: JobSource, poolTags: readonly string[], turn: Turn): JobRow {
  const { workflow: runs } = source
  return {
    attempt: NEW_JOB.attempt,
    tries: NEW_JOB.tries,
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
    workflow_id: runs.workflow_id,
    workflow_name: runs.workflow_name,
    workflow_version: runs.workflow_version,
    definition: runs.definition.hash,
    pinned_robot_id: spec.robot,
    pool: spec.pool,
    environment: spec.environment,
    required_tags: poolTags.length === 0 ? spec.requiredTags : [...new Set([...spec.requiredTags, ...poolTags])],
    required_capabilities: spec.requiredCapabilities,
    priority: spec.priority,
    parameters: spec.parameters,
    timeout_ms: spec.timeoutMs ?? state.settings.jobTimeoutMs,
    retry_safety: spec.retrySafety,
    max_attempts: spec.maxAttempts,
    retry_on: spec.retryOn,
    concurrency_key: spec.concurrencyKey,
    concurrency_limit: spec.concurrencyLimit,
    duplicate_key: spec.duplicateKey,
    retry_of: source.retryOf,
    scheduled_time: spec.scheduledTime,
    created_at: turn.now,
    created_by: spec.by,
    trigger_id: source.trigger,
    schedule_id: source.schedule,
    due_at: source.dueAt,
    parent_job_id: source.parent?.id ?? null,
    root_job_id: source.root,
    depth: source.parent === null ? 0 : source.parent.depth + 1,
    seq: ++state.seq,
    status: 'queued',
    queued_at: turn.now,
    ready_at: null,
  }
}
