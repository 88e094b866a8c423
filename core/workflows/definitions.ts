import { isOfWorkflow, type JobRow } from '../records/job.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../base/refusal.ts'
import type { State } from '../state.ts'
import type { DefinitionRow, WorkflowRow } from '../records/workflow.ts'
import type { InlineDefinition } from '../events/jobs.ts'
import type { Turn } from '../turn.ts'
import { markReleased, workflowGroup } from '../queue/concurrency.ts'
import { definitionNeeds } from '../protocol/repertoire.ts'
import type { DefinitionHash } from '../base/ids.ts'
import { utf8Bytes } from '../base/text.ts'

/**
 * The definitions that jobs run: the published version of a stored workflow, or a definition submitted with the job.
 */

/** The definition of a job, and the workflow that it belongs to. */
export interface WorkflowRef extends Pick<JobRow, 'workflow_id' | 'workflow_name' | 'workflow_version'> {
  readonly definition: DefinitionRow
}

/** The published version of a workflow, which its jobs run. */
export function publishedWorkflow(workflow: WorkflowRow | undefined, id: string, state: State): WorkflowRef | Refusal {
  if (workflow === undefined) {
    return notFound('Workflow', id, { fields: ['workflow_id'] })
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

/**
 * The workflow of a job submitted with its definition. The job belongs to the workflow whose id it gives only if the
 * definition equals the published one; otherwise it keeps the id for its robot, and has no version.
 */
export function submittedWorkflow(
  state: State,
  { id, name, definition }: Pick<InlineDefinition, 'id' | 'name' | 'definition'>,
): WorkflowRef {
  const saved = publishedWorkflow(state.workflows.get(id), id, state)
  if (!isRefusal(saved) && saved.definition.hash === definition.hash) return saved
  return { workflow_id: id, workflow_name: name, workflow_version: null, definition }
}

/** True if the job has the id of a stored workflow without belonging to it. */
export function borrowsId(state: State, job: Pick<JobRow, 'workflow_id' | 'workflow_version'>): boolean {
  return !isOfWorkflow(job) && state.workflows.has(job.workflow_id)
}

/** Changes a workflow. The only function that does. */
export function saveWorkflow(state: State, workflow: WorkflowRow, turn: Turn): void {
  indexWorkflow(state, workflow)
  turn.out.rows.workflows.set(workflow.id, workflow)
}

/** Indexes a workflow. Its newest and its published definition stay in memory with it. */
export function indexWorkflow(state: State, workflow: WorkflowRow): void {
  const before = state.workflows.get(workflow.id)
  state.workflows.set(workflow.id, workflow)
  retainDefinition(state, workflow.definition)
  if (workflow.published_definition !== null) retainDefinition(state, workflow.published_definition)
  if (before === undefined) return
  if (before.max_concurrent !== workflow.max_concurrent) {
    markReleased(state, workflowGroup({ workflow_id: workflow.id }))
  }
  releaseDefinition(state, before.definition)
  if (before.published_definition !== null) releaseDefinition(state, before.published_definition)
}

/** Saves a definition that is about to be used. The store keeps one copy of equal ones. */
export function saveDefinition(state: State, definition: DefinitionRow, turn: Turn): void {
  if (state.definitions.has(definition.hash)) return
  indexDefinition(state, definition)
  turn.out.rows.definitions.set(definition.hash, definition)
}

/** Adds a definition to memory. Its users call `retainDefinition` afterwards. */
export function indexDefinition(state: State, { hash, json }: DefinitionRow): void {
  state.definitions.set(hash, { json, sentBytes: sentBytes(json), needs: definitionNeeds(json), references: 0 })
}

/** Evicts a definition without users, for instance that of a job which does not stay in memory. */
export function evictUnused(state: State, hash: DefinitionHash): void {
  if (state.definitions.get(hash)?.references === 0) state.definitions.delete(hash)
}

/** The size of a definition in a frame, in bytes. */
export function sentBytes(json: string): number {
  return utf8Bytes(JSON.stringify(json))
}

/** Counts a user of a definition in memory. */
export function retainDefinition(state: State, hash: DefinitionHash): void {
  const definition = state.definitions.get(hash)
  if (definition !== undefined) definition.references++
}

/** Removes a user, and the definition from memory with the last one. */
export function releaseDefinition(state: State, hash: DefinitionHash): void {
  const definition = state.definitions.get(hash)
  if (definition !== undefined && --definition.references === 0) state.definitions.delete(hash)
}
