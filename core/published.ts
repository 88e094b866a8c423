import type { InlineDefinition } from './event.ts'
import type { JobRow } from './job.ts'
import { isRefusal, notFound, type Refusal, refuse } from './protocol/refusal.ts'
import type { DefinitionRow, State, WorkflowRow } from './state.ts'

/** What jobs run: the published version of a workflow that is kept, or a definition that came with the job itself. */

/** What a job runs, and as a job of which workflow. */
export interface WorkflowRef extends Pick<JobRow, 'workflow_id' | 'workflow_name' | 'workflow_version'> {
  readonly definition: DefinitionRow
}

/** What a workflow's jobs run: its published version. */
export function publishedWorkflow(workflow: WorkflowRow | undefined, id: string, state: State): WorkflowRef | Refusal {
  if (workflow === undefined) {
    return notFound('Workflow', id, { field: 'workflow_id' })
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
 * What a job runs that comes with its definition. It is a job of the workflow whose id it gives only if that is the very
 * definition that the workflow has published; any other keeps the id for its robot, and has no version.
 */
export function submittedWorkflow(
  state: State,
  { id, name, definition }: Pick<InlineDefinition, 'id' | 'name' | 'definition'>,
): WorkflowRef {
  const saved = publishedWorkflow(state.workflows.get(id), id, state)
  if (!isRefusal(saved) && saved.definition.hash === definition.hash) return saved
  return { workflow_id: id, workflow_name: name, workflow_version: null, definition }
}

/**
 * Whether it is a job of the workflow that is kept under its `workflow_id`. Anybody may write any id beside a definition
 * of their own: what a workflow may do, what follows from its jobs, its limits and its counts are not for those.
 */
export function isOfWorkflow({ workflow_version }: Pick<JobRow, 'workflow_version'>): boolean {
  return workflow_version !== null
}

/** Whether it is no job of the workflow that is kept under its `workflow_id`, though there is one. */
export function borrowsId(state: State, job: Pick<JobRow, 'workflow_id' | 'workflow_version'>): boolean {
  return !isOfWorkflow(job) && state.workflows.has(job.workflow_id)
}
