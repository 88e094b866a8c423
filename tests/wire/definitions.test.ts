import { afterEach, beforeAll, expect, test } from 'vitest'
import type { ErrorBody } from './api.ts'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'
import { closeAll } from './wire.ts'

/** Jobs that come with a definition: who may submit them, and whose jobs they are. */

chapter('definitions that come with their jobs', (server) => {
  const KEPT = { nodes: {}, metadata: { name: 'kept' } }
  const OTHER = { nodes: {}, metadata: { name: 'of my own' } }

  beforeAll(async () => {
    for (const id of ['kept', 'next']) {
      await server.api('POST', '/workflows', { id, name: id, json_definition: id === 'kept' ? KEPT : { nodes: {} } })
      await server.api('POST', `/workflows/${id}/publish`)
    }
    const chain = { name: 'Chain', trigger_type: 'workflow_call', workflow_id: 'next' }
    await server.api('POST', '/triggers', { ...chain, id: 'after', config: { after: { workflows: ['kept'] } } })
    const config = { call_alias: 'only_kept', allowed_callers: ['kept'] }
    await server.api('POST', '/triggers', { ...chain, id: 'only', config })
  })
  afterEach(closeAll)

  const keyWith = async (...scopes: readonly string[]): Promise<string> =>
    String((await server.api('POST', '/keys', { name: crypto.randomUUID(), scopes }))['key'])

  test('each way to submit has a scope of its own', async () => {
    const keys = [await keyWith('jobs:submit'), await keyWith('jobs:submit-definition'), await keyWith('jobs:read')]
    const answer = async (key: string | undefined, body: object) => {
      const { status, body: said } = await server.call<ErrorBody>('POST', '/api/v1/jobs', { key: key ?? null, body })
      return status === 403 ? said.payload.details['required_scope'] : status
    }
    const by = (body: object) => Promise.all(keys.map((key) => answer(key, body)))
    expect(await by({ workflow_id: 'kept', required_tags: ['none'] })).toEqual([201, 'jobs:submit', 'jobs:submit'])
    const own = { workflow_id: 'kept', workflow_json: OTHER, required_tags: ['none'] }
    expect(await by(own)).toEqual(['jobs:submit-definition', 201, 'jobs:submit'])
    expect(await by({ ...own, workflow_json: JSON.stringify(OTHER) })).toEqual([
      'jobs:submit-definition',
      201,
      'jobs:submit',
    ])
  })

  test.each<[string, object, boolean]>([
    ['another definition under the id of a workflow is no job of it', OTHER, false],
    ['the definition that it has published is', KEPT, true],
  ])('%s', async (_what, workflow_json, isOne) => {
    const robot = await Raw.register(server)
    const runs = async () => (await server.api('GET', '/workflows/kept'))['execution_count']
    const [before, job] = [await runs(), await robot.submit({ workflow_id: 'kept', workflow_json })]
    const offer = await robot.offered(job)
    expect(offer.payload).toMatchObject({ workflow_id: 'kept', workflow_json: JSON.stringify(workflow_json) })
    robot.say('job_accept', job)
    await robot.beat()
    expect(await server.api('GET', `/jobs/${job}`)).toMatchObject({ workflow_version: isOne ? 1 : null })
    const call = await server.call('POST', '/api/v1/calls/only_kept', { body: { parent_job_id: job } })
    expect(call.status).toBe(isOne ? 202 : 403)
    robot.say('job_complete', job, { result: {} })
    await robot.beat()
    const { items } = await server.api<{ readonly items: readonly { readonly trigger_id: string }[] }>(
      'GET',
      `/jobs?parent_job_id=${job}`,
    )
    expect(items.map(({ trigger_id }) => trigger_id)).toEqual(isOne ? ['after', 'only'] : [])
    expect(await runs()).toBe(Number(before) + (isOne ? 1 : 0))
  })
})
