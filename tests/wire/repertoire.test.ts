import { afterEach, expect, test } from 'vitest'
import { Raw } from './raw.ts'
import { chapter } from './chapter.ts'
import { closeAll } from './wire.ts'

/** Robots' declarations of what they run, and the offers that they get. */

chapter('what a robot runs', (server) => {
  afterEach(closeAll)

  test('[P56] a robot that says what it runs is offered that and nothing else', async () => {
    const tag = crypto.randomUUID()
    const robot = (capabilities: object) => Raw.register(server, { tags: [tag], max_concurrent_jobs: 9, capabilities })
    const own = { workflow_id: `own-${tag}`, workflow_name: 'Own', workflow_json: { format: 'own' } }
    const graph = (...types: readonly string[]) => ({
      workflow_name: 'Graph',
      workflow_json: { nodes: Object.fromEntries(types.map((node_type, at) => [`n${at}`, { node_type }])) },
    })
    const robots = {
      handler: await robot({ workflows: [own.workflow_id] }),
      format: await robot({ formats: ['other'] }),
      nodes: await robot({ node_types: ['A', 'BNode'] }),
      graphs: await robot({ formats: ['workflow'], node_types: ['A', 'C'] }),
    }
    const submit = (body: object) => server.submit({ required_tags: [tag], ...body })
    const expected = {
      handler: [await submit(own)],
      format: [await submit({ workflow_name: 'Other', workflow_json: '{"format":"other","nodes":["any"]}' })],
      nodes: [await submit(graph('ANode', 'b'))],
      graphs: [await submit(graph('C'))],
    }
    const nobody = await submit(graph('B', 'C'))
    for (const each of Object.values(robots)) await each.beat()
    expect(Object.fromEntries(Object.entries(robots).map(([name, { offers }]) => [name, offers]))).toEqual(expected)
    expect((await server.job(nobody)).status).toBe('queued')
  })

  test('[P57] a list of what it runs that is none is ignored, and the acknowledgement says so', async () => {
    const robot = await Raw.register(server, { capabilities: { formats: 'own', node_types: [1], workflows: {} } })
    expect(String(robot.wire.frames[0]?.payload['message'])).toMatch(/ignored.*workflows.*formats.*node_types/)
    await robot.offered(await robot.submit())
  })

  test('[P58] what counts is what it said last, and a job that waits for it is offered at once', async () => {
    const robot = await Raw.register(server, { capabilities: { formats: ['own'] } })
    const job = await robot.submit()
    await robot.beat()
    expect(robot.offers).toEqual([])
    const again = await robot.again({ capabilities: { workflows: ['greeting'] } })
    await again.offered(job)
  })

  test('what no robot on record can run is said when it is published and when it is submitted', async () => {
    const id = `w-${crypto.randomUUID()}`
    const nodes = { a: { node_type: 'LogNode' }, b: { node_type: `SapNode` }, c: { node_type: 'Fax' } }
    const robot = await Raw.register(server, { capabilities: { node_types: ['Sap'] } })
    await server.api('POST', '/workflows', { id, name: 'W', json_definition: { nodes } })
    const { warnings } = await server.api<{ warnings: readonly object[] }>('POST', `/workflows/${id}/publish`)
    expect(warnings).toEqual([{
      code: 'ROBOT_CANNOT_RUN',
      message: expect.stringMatching(/^No known robot runs the node type Fax; SapNode is known to raw-\S+ only/),
      details: { node_types: { SapNode: [robot.id], Fax: [] } },
    }])
    const known = await server.api('POST', '/workflows/greeting/publish')
    expect(known).toMatchObject({ status: 'published', warnings: [] })
    const job = await server.api('POST', '/jobs', { workflow_id: id, robot_id: robot.id, required_tags: ['none'] })
    const needs = `needs one that has the tag none, and runs the node types Fax, LogNode`
    const message = `It is for the robot ${robot.id} alone, and ${needs}`
    expect(job['warnings']).toEqual([{ code: 'NO_SUITABLE_ROBOT', message, details: { robot_id: robot.id } }])
    expect(await server.api('GET', `/jobs/${String(job['id'])}/explain`)).toMatchObject({ summary: `${message}.` })
    const any = await Raw.register(server)
    expect(await server.api('POST', '/jobs', { workflow_id: id, robot_id: any.id })).not.toHaveProperty('warnings')
  })
})
