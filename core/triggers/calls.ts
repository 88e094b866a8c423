import { admitCall, replyFired } from './receive.ts'
import { findJob, type Turn } from '../turn.ts'
import type { FireResult } from './fire.ts'
import { isLive, isOfWorkflow, type JobRow } from '../records/job.ts'
import { cut } from '../base/text.ts'
import { fromText, type JsonObject, toText } from '../base/json.ts'
import { notFound, type Refusal, refuse } from '../base/refusal.ts'
import { submissionLimit, submissionWindow } from '../limiter/rates.ts'
import type { State } from '../state.ts'
import { configIn, type TriggerRow } from '../records/trigger.ts'
import { callTopic } from '../trigger-types/topic.ts'
import type { WorkflowCalled } from '../events/triggers.ts'

/** Jobs that start other jobs: by calling a workflow while they run, or by their end. */

/** A call of a workflow by a running job, a person or a program. */
export function workflowCalled(state: State, event: WorkflowCalled, turn: Turn): void {
  const [id] = state.subscribers.get(callTopic(event.alias)) ?? []
  const trigger = id === undefined ? undefined : state.triggers.get(id)
  if (trigger === undefined) {
    const message = `No workflow is called ${cut(event.alias, 100)}`
    return replyFired(turn, event.reply, refuse('TRIGGER_NOT_FOUND', message, { fields: ['alias'] }), null)
  }
  // A robot that calls for its jobs is held to the limit of its key, like anybody who submits with one.
  const window = event.by.key === null ? null : submissionWindow(state, event.by.key)
  const limit = submissionLimit(state.settings)
  replyFired(
    turn,
    event.reply,
    callWorkflow(state, trigger, event, { window, limit }, turn),
    window?.quota(turn.now) ?? null,
  )
}

function callWorkflow(
  state: State,
  trigger: TriggerRow,
  event: WorkflowCalled,
  limits: Pick<Parameters<typeof admitCall>[2], 'window' | 'limit'>,
  turn: Turn,
): FireResult | Refusal {
  const { required, allowed_callers } = configIn(trigger, 'workflow_call')
  const caller = event.parent === null ? null : findJob(state, event.parent, turn)
  if (caller === undefined) return notFound('Job', event.parent ?? '', { fields: ['parent_job_id'] })
  if (event.robot !== null && (caller === null || caller.robot_id !== event.robot)) {
    return refuse('FORBIDDEN', `${event.robot} may call for the jobs that it runs`, { fields: ['parent_job_id'] })
  }
  if (caller !== null && !isLive(caller.status)) {
    const message = `Job ${caller.id} has ended already: it is ${caller.status}`
    return refuse('CONFLICT', message, { fields: ['parent_job_id'], status: caller.status })
  }
  // Only what is in memory brings its family back after a restart, and a job for next week is not.
  if (caller?.status === 'pending') {
    const message = `Job ${caller.id} does not run yet: it is pending`
    return refuse('CONFLICT', message, { fields: ['parent_job_id'], status: caller.status })
  }
  const calls = caller !== null && isOneOf(allowed_callers, caller) && speaksFor(state, event, caller)
  if (allowed_callers.length > 0 && !calls) {
    return refuse('FORBIDDEN', `${event.alias} may be called by jobs of ${allowed_callers.join(', ')}`)
  }
  const given = fromText(event.payload) as JsonObject
  const missing = required.find((name) => !Object.hasOwn(given, name))
  if (missing !== undefined) {
    return refuse('INVALID_PAYLOAD', `Missing required field: parameters.${missing}`, {
      fields: [`parameters.${missing}`],
    })
  }
  const metadata = toText({ source: 'call', caller: event.by.name, parent_job_id: event.parent, robot_id: event.robot })
  const { job, payload, parent, idempotency } = event
  return admitCall(
    state,
    trigger,
    { ...limits, job, by: event.by.name, payload, metadata, parent, idempotency, callerWaits: true },
    turn,
  )
}

/**
 * A job with a definition of its own does not belong to a workflow that may call, even if it gives that workflow's id.
 */
function isOneOf(workflows: readonly string[], job: JobRow): boolean {
  return isOfWorkflow(job) && workflows.includes(job.workflow_id)
}

/** Anybody who may submit may name a job that they call for; that it is the job itself is known by its robot's key. */
function speaksFor(state: State, { by }: WorkflowCalled, job: JobRow): boolean {
  const key = by.key === null ? undefined : state.keys.get(by.key)
  const ofItsRobot = key !== undefined && key.robot_id !== null && key.robot_id === job.robot_id
  return key === undefined || key.scopes.includes('admin') || ofItsRobot
}
