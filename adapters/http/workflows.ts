import { type Context, Hono } from 'hono'
import type { WorkflowId } from '../../core/ids.ts'
import { isRefusal, notFound, type Refusal } from '../../core/protocol/refusal.ts'
import { NewWorkflow } from '../../core/protocol/request.ts'
import type { PublishedWorkflow } from '../../core/protocol/view.ts'
import { unrunnable } from '../../core/unsuited.ts'
import { NODE_TYPES } from '../../workflows/node-types.ts'
import type { Fleet } from '../fleet.ts'
import { validDefinition } from '../definition.ts'
import { encodeCursor, type Env, guard, pageQuery, readBody } from './request.ts'
import { answered, locationOf, refused } from './respond.ts'
import { unlessUnchanged } from './unchanged.ts'
import { versionView, workflowDetail, workflowSummary } from './view.ts'

/** `/api/v1/workflows`. */
export function workflowRoutes(fleet: Fleet): Hono<Env> {
  const app = new Hono<Env>()
  const admin = guard(fleet, 'admin')
  const read = guard(fleet, 'jobs:read')

  const save = async (c: Context<Env>, mode: 'create' | 'update', id: string | undefined): Promise<Response> => {
    const body = await readBody(c, NewWorkflow)
    if (isRefusal(body)) return refused(c, body)
    const definition = validDefinition(body.json_definition)
    if (isRefusal(definition)) return refused(c, definition)
    const answer = await fleet.request((reply) => ({
      type: 'workflow.saved',
      reply,
      workflow: (id ?? body.id ?? fleet.platform.rowId()) as WorkflowId,
      mode,
      by: c.var.key.name,
      name: body.name,
      description: body.description,
      tags: body.tags,
      maxConcurrent: body.max_concurrent,
      definition,
    }))
    return answered(
      c,
      answer,
      'workflow',
      ({ workflow }) =>
        c.json(
          workflowDetail(workflow, definition.json),
          mode === 'create' ? 201 : 200,
          locationOf(c, 'workflows', workflow.id),
        ),
    )
  }

  app.post('/', admin, (c) => save(c, 'create', undefined))
  app.put('/:id', admin, (c) => save(c, 'update', c.req.param('id')))

  app.get('/', read, async (c) => {
    const query = pageQuery(c)
    if (isRefusal(query)) return refused(c, query)
    const page = await fleet.queries.workflows(query)
    return c.json({ items: page.items.map(workflowSummary), next_cursor: encodeCursor(page.next) })
  })

  app.get('/:id', read, unlessUnchanged, async (c) => {
    const workflow = await fleet.queries.workflow(c.req.param('id') as WorkflowId)
    if (workflow === undefined) return refused(c, noWorkflow(c.req.param('id')))
    return c.json(workflowDetail(workflow, await fleet.queries.definition(workflow.definition)))
  })

  app.get('/:id/versions', read, async (c) => {
    const workflow = await fleet.queries.workflow(c.req.param('id') as WorkflowId)
    if (workflow === undefined) return refused(c, noWorkflow(c.req.param('id')))
    return c.json({ items: (await fleet.queries.versions(workflow.id)).map(versionView), next_cursor: null })
  })

  app.post('/:id/publish', admin, async (c) => {
    const answer = await fleet.request((reply) => ({
      type: 'workflow.published',
      reply,
      workflow: c.req.param('id') as WorkflowId,
    }))
    return answered(c, answer, 'workflow', ({ workflow }) => {
      const warnings = unrunnable(fleet.state, workflow, NODE_TYPES)
      return c.json({ ...workflowSummary(workflow), warnings } satisfies PublishedWorkflow)
    })
  })

  return app
}

function noWorkflow(id: string): Refusal {
  return notFound('Workflow', id)
}
