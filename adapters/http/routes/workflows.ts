import { type WorkflowDetail, workflows } from '../../../core/api/workflows.ts'
import type { WorkflowId } from '../../../core/base/ids.ts'
import { isRefusal, notFound, type Refusal } from '../../../core/base/refusal.ts'
import { workflowWarnings } from '../../../core/explain/unsuited.ts'
import { Workflow, WorkflowVersion } from '../../../core/records/workflow.ts'
import { NODE_TYPES } from '../../../workflows/node-types.ts'
import { validDefinition } from '../../commands/workflows.ts'
import { handlers, pageOfRows, type RequestTo } from '../kit/serve.ts'

export const workflowHandlers = handlers(workflows, {
  create: (request) => save(request, request.body.id ?? request.fleet.platform.rowId(), 'create'),
  update: (request) => save(request, request.id, 'update'),
  list: async ({ fleet, page }) => pageOfRows(await fleet.queries.workflows(page), Workflow.show),
  get: async ({ fleet, id }) => {
    const workflow = await fleet.queries.workflow(id as WorkflowId)
    if (workflow === undefined) return notFound('Workflow', id)
    const json_definition = await fleet.queries.definition(workflow.definition) ?? '{}'
    return { ...Workflow.show(workflow), json_definition }
  },
  versions: async ({ fleet, id }) => {
    const workflow = await fleet.queries.workflow(id as WorkflowId)
    if (workflow === undefined) return notFound('Workflow', id)
    return { items: (await fleet.queries.versions(workflow.id)).map(WorkflowVersion.show), next_cursor: null }
  },
  publish: async ({ fleet, id, send }) => {
    const reply = await send({ type: 'workflow.published', workflow: id as WorkflowId })
    if (isRefusal(reply)) return reply
    const { workflow } = reply
    return { ...Workflow.show(workflow), warnings: workflowWarnings(fleet.state, workflow, NODE_TYPES) }
  },
})

/** Saves a draft of the workflow with this id. */
async function save(
  { key, body, send }: Pick<RequestTo<typeof workflows.update>, 'key' | 'body' | 'send'>,
  id: string,
  mode: 'create' | 'update',
): Promise<WorkflowDetail | Refusal> {
  const { json_definition, name, description, tags, max_concurrent } = body
  const definition = validDefinition(json_definition)
  if (isRefusal(definition)) return definition
  const workflow = id as WorkflowId
  const what = { name, description, tags, max_concurrent, definition }
  const reply = await send({ type: 'workflow.saved', workflow, mode, by: key.name, ...what })
  return isRefusal(reply) ? reply : { ...Workflow.show(reply.workflow), json_definition: definition.json }
}
