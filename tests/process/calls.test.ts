import { afterAll, beforeAll, expect, test } from 'vitest'
import { Robot } from '../../robot/robot.ts'
import { until } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'

/** Workflows that call workflows, run by the reference robot as users have it. */

let server: Orchestrator

const node = (node_type: string, config: object = {}) => ({ node_type, name: node_type, config })
const link = (source_node: string, target_node: string) => ({
  source_node,
  source_port: 'exec_out',
  target_node,
  target_port: 'exec_in',
})
const publish = async (id: string, json_definition: object) => {
  await server.api('POST', '/workflows', { id, name: id, json_definition })
  await server.api('POST', `/workflows/${id}/publish`)
}
/** A workflow that calls another and returns what that has returned. */
const calling = (alias: string, config: object = {}) => ({
  nodes: {
    call: node('CallWorkflowNode', { alias, parameters: { amount: '{{amount}}' }, result_variable: 'got', ...config }),
    end: node('EndNode', { result: { got: '{{got}}', job: '{{call.job_id}}' } }),
  },
  connections: [link('call', 'end')],
  variables: { amount: { type: 'Integer', default_value: 1 } },
})
const callable = (alias: string, workflow_id: string, given: object = {}) =>
  server.api('POST', '/triggers', {
    id: alias,
    name: alias,
    trigger_type: 'workflow_call',
    workflow_id,
    config: { call_alias: alias },
    ...given,
  })

beforeAll(async () => {
  server = await Orchestrator.start({ robot: true, fixedPorts: true })
  await publish('double', {
    nodes: {
      sum: node('EvalExpressionNode', { expression: '{{amount}} * 2' }),
      end: node('EndNode', { result: { doubled: '{{sum.result}}' } }),
    },
    connections: [link('sum', 'end')],
    variables: { amount: { type: 'Integer', default_value: 0 } },
  })
  await callable('double', 'double')
  await publish('outer', calling('double'))
  await publish('itself', calling('itself'))
  await callable('itself', 'itself')
})
afterAll(cleanUp)

test('a node calls a workflow and goes on with its result', async () => {
  const id = await server.submit({ workflow_id: 'outer', parameters: { amount: 21 } })
  const { status, result } = await server.jobIn(id, 'completed', 'failed')
  expect([status, result]).toEqual(['completed', { got: { doubled: 42 }, job: expect.any(String) }])
  const child = (result as { job: string }).job
  expect(await server.api('GET', `/jobs/${child}`)).toMatchObject({ parent_job_id: id, depth: 1, status: 'completed' })
})

test('what cannot be called fails the job, with the code of the refusal', async () => {
  await publish('lost', calling('nobody'))
  const id = await server.submit({ workflow_id: 'lost' })
  expect(await server.jobIn(id, 'completed', 'failed')).toMatchObject({
    status: 'failed',
    error_type: 'TRIGGER_NOT_FOUND',
    error_message: 'No workflow is called nobody',
    failed_node: 'call',
  })
})

test('a workflow that calls itself is cut, and says so', async () => {
  // Without waiting, since a robot has a limited number of slots.
  await server.api('PUT', '/workflows/itself', { name: 'itself', json_definition: calling('itself', { wait: false }) })
  await server.api('POST', '/workflows/itself/publish')
  const id = await server.submit({ workflow_id: 'itself' })
  let job = id
  for (let depth = 0; depth < 10; depth++) {
    await server.jobIn(job, 'completed')
    const items = await children(server, job)
    expect(items).toMatchObject([{ depth: depth + 1 }])
    job = items[0]?.id ?? ''
  }
  expect(await server.jobIn(job, 'failed')).toMatchObject({ error_type: 'CALL_TOO_DEEP', failed_node: 'call' })
})

test('a call is waited for through kill -9 and a new start', async () => {
  const on = await Orchestrator.start({ fixedPorts: true })
  for (const id of ['patient', 'slow']) {
    await on.api('POST', '/workflows', { id, name: id, json_definition: { nodes: {} } })
    await on.api('POST', `/workflows/${id}/publish`)
  }
  const config = { call_alias: 'slow' }
  await on.api('POST', '/triggers', { name: 'S', trigger_type: 'workflow_call', workflow_id: 'slow', config })
  let finish: (result: object) => void = () => {}
  const slow = new Promise((resolve) => (finish = resolve))
  const robot = new Robot({
    url: on.robots,
    api: on.http,
    key: on.robotKey,
    id: 'patient-robot',
    maxConcurrentJobs: 2,
    stateFile: false,
    timings: { backoffBaseMs: 50, backoffCapMs: 500 },
    handlers: { patient: (job) => job.call('slow', { a: 1 }), slow: () => slow },
  })
  await robot.start()
  const id = await on.submit({ workflow_id: 'patient' })
  const called = await until('it has called', async () => (await children(on, id))[0])
  await on.jobIn(called.id, 'running')
  await on.kill()
  await on.restart()
  await until('the robot is back', async () => {
    const { status } = await on.api('GET', '/robots/patient-robot')
    return status === 'offline' ? undefined : status
  })
  finish({ slow: true })
  expect(await on.jobIn(id, 'completed', 'failed')).toMatchObject({
    status: 'completed',
    result: { jobId: called.id, result: { slow: true } },
  })
  expect(await children(on, id)).toHaveLength(1)
  await robot.stop()
  await on.stop()
})

async function children(on: Orchestrator, parent: string): Promise<readonly { id: string; depth: number }[]> {
  return (await on.api<{ items: { id: string; depth: number }[] }>('GET', `/jobs?parent_job_id=${parent}`)).items
}
