import { refuseRequest, reply, type Turn } from '../turn.ts'
import type { FactOf } from '../fact.ts'
import type { ReplyId, WorkflowId } from '../base/ids.ts'
import { notFound, refuse } from '../base/refusal.ts'
import type { State } from '../state.ts'
import type { WorkflowRow } from '../records/workflow.ts'
import { durationOf, isOfWorkflow } from '../records/job.ts'
import type { WorkflowSaved } from '../events/workflows.ts'
import { saveDefinition, saveWorkflow } from './definitions.ts'

/**
 * Creates a workflow, or adds a version. Versions never change; saving the text of the newest version adds none. The
 * published version stays until another one is published.
 */
export function workflowSaved(state: State, event: WorkflowSaved, turn: Turn): void {
  const before = state.workflows.get(event.workflow)
  if (event.mode === 'create' && before !== undefined) {
    const refusal = refuse('CONFLICT', `Workflow ${event.workflow} exists already`, { fields: ['id'] })
    return refuseRequest(turn, event.reply, refusal)
  }
  if (event.mode === 'update' && before === undefined) return refuseUnknownWorkflow(event.reply, event.workflow, turn)
  const { definition } = event
  const renewed = before?.definition !== definition.hash
  const version = (before?.version ?? 0) + (renewed ? 1 : 0)
  saveDefinition(state, definition, turn)
  const workflow: WorkflowRow = {
    id: event.workflow,
    name: event.name,
    description: event.description,
    tags: event.tags,
    status: before?.status ?? 'draft',
    version,
    definition: definition.hash,
    published_version: before?.published_version ?? null,
    published_definition: before?.published_definition ?? null,
    max_concurrent: event.max_concurrent,
    created_by: before?.created_by ?? event.by,
    created_at: before?.created_at ?? turn.now,
    updated_at: turn.now,
    execution_count: before?.execution_count ?? 0,
    success_count: before?.success_count ?? 0,
    total_duration_ms: before?.total_duration_ms ?? 0,
  }
  saveWorkflow(state, workflow, turn)
  if (renewed) {
    turn.out.rows.versions.set(`${workflow.id} ${version}`, {
      workflow_id: workflow.id,
      version,
      definition: definition.hash,
      created_by: event.by,
      created_at: turn.now,
    })
  }
  reply(turn, event.reply, { type: 'workflow', workflow })
}

/** Makes the newest version the one that jobs run. Jobs submitted earlier keep theirs. */
export function workflowPublished(
  state: State,
  event: { readonly reply: ReplyId; readonly workflow: WorkflowId },
  turn: Turn,
): void {
  const before = state.workflows.get(event.workflow)
  if (before === undefined) return refuseUnknownWorkflow(event.reply, event.workflow, turn)
  const workflow: WorkflowRow = {
    ...before,
    status: 'published',
    published_version: before.version,
    published_definition: before.definition,
    updated_at: turn.now,
  }
  saveWorkflow(state, workflow, turn)
  reply(turn, event.reply, { type: 'workflow', workflow })
}

function refuseUnknownWorkflow(to: ReplyId, id: WorkflowId, turn: Turn): void {
  const refusal = notFound('Workflow', id)
  refuseRequest(turn, to, refusal)
}

/** Counts the runs of a workflow's own definitions, how many completed, and their duration. */
export function countWorkflowRun(state: State, { job }: FactOf<'job.ended'>, turn: Turn): void {
  const workflow = state.workflows.get(job.workflow_id)
  if (workflow === undefined || job.started_at === null || !isOfWorkflow(job)) return
  const completed = job.status === 'completed'
  saveWorkflow(state, {
    ...workflow,
    execution_count: workflow.execution_count + 1,
    success_count: workflow.success_count + (completed ? 1 : 0),
    total_duration_ms: workflow.total_duration_ms + (completed ? durationOf(job) : 0),
  }, turn)
}
