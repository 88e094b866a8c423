import { answer, type Turn } from './effects.ts'
import type { Submitted } from './event.ts'
import type { JobId, JsonText, Millis, RobotId, TriggerId } from './ids.ts'
import type { JobRow, Priority, RetrySafety } from './job.ts'
import { keepDefinition, keepJob, remember, sentBytes } from './keep.ts'
import { ASSIGN_OVERHEAD_BYTES } from './limits.ts'
import { exceedsBytes, FRAME_BYTES_MAX } from './protocol/decode.ts'
import { isRefusal, type Refusal, refuse } from './protocol/refusal.ts'
import type { DefinitionRow, State, WorkflowRow } from './state.ts'

/** What a job is made of, whoever asks for it. */
export interface Order {
  readonly job: JobId
  readonly by: string
  readonly trigger: TriggerId | null
  readonly runs: Runs
  readonly parameters: JsonText
  readonly priority: Priority
  readonly robot: RobotId | null
  readonly environment: string
  readonly requiredTags: readonly string[]
  readonly requiredCapabilities: readonly string[]
  readonly scheduledTime: Millis | null
  readonly timeoutMs: Millis | null
  readonly retrySafety: RetrySafety
}

/** The definition that a job runs, and under what name. */
interface Runs extends Pick<JobRow, 'workflow_id' | 'workflow_name' | 'workflow_version'> {
  readonly definition: DefinitionRow
}

/** Somebody submits a job over the API. The answer comes once the job is durable. */
export function submitted(state: State, event: Submitted, turn: Turn): void {
  const { workflow } = event
  const runs = typeof workflow === 'string' ? published(state.workflows.get(workflow), workflow, state) : {
    workflow_id: workflow.id,
    workflow_name: workflow.name,
    workflow_version: null,
    definition: workflow.definition,
  }
  const job = isRefusal(runs) ? runs : enter(state, { ...event, trigger: null, runs }, turn)
  answer(turn, event.reply, isRefusal(job) ? { type: 'refusal', refusal: job } : { type: 'job', job })
}

/**
 * Takes a job in, or says why not. UNAVAILABLE while draining, QUEUE_FULL at the bound on live jobs,
 * PAYLOAD_TOO_LARGE when no robot could be sent it in one frame.
 */
export function enter(state: State, order: Order, turn: Turn): JobRow | Refusal {
  if (state.draining) return refuse('UNAVAILABLE', 'The orchestrator is shutting down')
  if (state.jobs.size >= state.settings.liveJobsMax) {
    return refuse('QUEUE_FULL', `${state.jobs.size} jobs are waiting or running, which is as many as may be`, {
      limit: state.settings.liveJobsMax,
    })
  }
  const { runs } = order
  const { definition } = runs
  const definitionBytes = state.definitions.get(definition.hash)?.sentBytes ?? sentBytes(definition.json)
  if (exceedsBytes(order.parameters, FRAME_BYTES_MAX - ASSIGN_OVERHEAD_BYTES - definitionBytes)) {
    const message = 'The workflow and its parameters together do not fit into one message to a robot'
    return refuse('PAYLOAD_TOO_LARGE', message, { max_bytes: FRAME_BYTES_MAX - ASSIGN_OVERHEAD_BYTES })
  }
  keepDefinition(state, definition, turn)
  const job = newJob(state, order, turn)
  keepJob(state, job, turn)
  remember(state, job, turn, { event: 'submit', from_status: null, detail: `submitted by ${order.by}` })
  return job
}

/** What a workflow's jobs run: its published version. */
export function published(workflow: WorkflowRow | undefined, id: string, state: State): Runs | Refusal {
  if (workflow === undefined) {
    return refuse('NOT_FOUND', `Workflow with ID ${id.slice(0, 256)} not found`, { field: 'workflow_id' })
  }
  const definition = workflow.published_definition
  const text = definition === null ? undefined : state.definitions.get(definition)
  if (workflow.status !== 'published' || definition === null || text === undefined) {
    return refuse('CONFLICT', `Workflow ${workflow.id} is ${workflow.status}; publish it first`, {
      status: workflow.status,
    })
  }
  return {
    workflow_id: workflow.id,
    workflow_name: workflow.name,
    workflow_version: workflow.published_version,
    definition: { hash: definition, json: text.json },
  }
}

function newJob(state: State, order: Order, turn: Turn): JobRow {
  const waits = order.scheduledTime !== null && order.scheduledTime > turn.now
  return {
    id: order.job,
    workflow_id: order.runs.workflow_id,
    workflow_name: order.runs.workflow_name,
    workflow_version: order.runs.workflow_version,
    definition: order.runs.definition.hash,
    pinned_robot_id: order.robot,
    environment: order.environment,
    required_tags: order.requiredTags,
    required_capabilities: order.requiredCapabilities,
    priority: order.priority,
    parameters: order.parameters,
    timeout_ms: order.timeoutMs ?? state.settings.jobTimeoutMs,
    retry_safety: order.retrySafety,
    scheduled_time: order.scheduledTime,
    created_at: turn.now,
    created_by: order.by,
    trigger_id: order.trigger,
    seq: ++state.seq,
    status: waits ? 'pending' : 'queued',
    attempt: 0,
    refusals: 0,
    robot_id: null,
    robot_name: '',
    queued_at: waits ? null : turn.now,
    ready_at: waits ? order.scheduledTime : null,
    offer_until: null,
    started_at: null,
    completed_at: null,
    progress: 0,
    current_node: '',
    result: null,
    error_message: '',
    error_type: '',
    stack_trace: '',
    failed_node: '',
  }
}
