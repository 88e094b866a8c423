import { type Context, Hono } from 'hono'
import type { WorkflowId } from '../../../core/base/ids.ts'
import { isRefusal, notFound, type Refusal } from '../../../core/base/refusal.ts'
import { NewWorkflow } from '../../../core/api/request.ts'
import type { PublishedWorkflow } from '../../../core/api/view.ts'
import { workflowWarnings } from '../../../core/explain/unsuited.ts'
import { NODE_TYPES } from '../../../workflows/node-types.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { validDefinition } from '../../commands/workflows.ts'
import { encodeCursor, type HonoEnv, pageQuery, readBody, requireScope } from '../kit/request.ts'
import { locationOf, refused, respond } from '../kit/response.ts'
import { unlessUnchanged } from '../kit/unchanged.ts'
import { versionView, workflowDetail, workflowSummary } from '../../views/records.ts'

/** `/api/v1/workflows`. */
export function workflowRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  const admin = requireScope(fleet, 'admin')
  const read = requireScope(fleet, 'jobs:read')
  app.post('/', admin, (c) => save(fleet, c, undefined))
  app.put('/:id', admin, (c) => save(fleet, c, idOf(c)))
  app.get('/', read, (c) => list(fleet, c))
  app.get('/:id', read, unlessUnchanged, (c) => detail(fleet, c))
  app.get('/:id/versions', read, (c) => versions(fleet, c))
  app.post('/:id/publish', admin, (c) => publish(fleet, c))
  return app
}

/** Saves a draft of the workflow with this id, or of a new one. */
async function save(fleet: Fleet, c: Context<HonoEnv>, id: WorkflowId | undefined): Promise<Response> {
  const body = await readBody(c, NewWorkflow)
  if (isRefusal(body)) return refused(c, body)
  const definition = validDefinition(body.json_definition)
  if (isRefusal(definition)) return refused(c, definition)
  const answer = await fleet.request((reply) => ({
    type: 'workflow.saved',
    reply,
    workflow: (id ?? body.id ?? fleet.platform.rowId()) as WorkflowId,
    mode: id === undefined ? 'create' : 'update',
    by: c.var.key.name,
    name: body.name,
    description: body.description,
    tags: body.tags,
    max_concurrent: body.max_concurrent,
    definition,
  }))
  return respond(
    c,
    answer,
    'workflow',
    ({ workflow }) =>
      c.json(
        workflowDetail(workflow, definition.json),
        id === undefined ? 201 : 200,
        locationOf(c, 'workflows', workflow.id),
      ),
  )
}

async function list(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const page = await fleet.queries.workflows(query)
  return c.json({ items: page.items.map(workflowSummary), next_cursor: encodeCursor(page.next) })
}

async function detail(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const workflow = await fleet.queries.workflow(idOf(c))
  if (workflow === undefined) return refused(c, noWorkflow(c))
  return c.json(workflowDetail(workflow, await fleet.queries.definition(workflow.definition)))
}

async function versions(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const workflow = await fleet.queries.workflow(idOf(c))
  if (workflow === undefined) return refused(c, noWorkflow(c))
  return c.json({ items: (await fleet.queries.versions(workflow.id)).map(versionView), next_cursor: null })
}

async function publish(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const answer = await fleet.request((reply) => ({ type: 'workflow.published', reply, workflow: idOf(c) }))
  return respond(c, answer, 'workflow', ({ workflow }) => {
    const warnings = workflowWarnings(fleet.state, workflow, NODE_TYPES)
    return c.json({ ...workflowSummary(workflow), warnings } satisfies PublishedWorkflow)
  })
}

function idOf(c: Context<HonoEnv>): WorkflowId {
  return c.req.param('id') as WorkflowId
}

function noWorkflow(c: Context<HonoEnv>): Refusal {
  return notFound('Workflow', idOf(c))
}
