import { expect, test } from 'vitest'
import {
  JobPriority,
  JobStatus,
  RobotStatus,
  ScheduleFrequency,
  TriggerType,
  WorkflowStatus,
} from '../../../adapters/engine/index.ts'
import { camelName } from '../../../adapters/engine/names.ts'
import { JOB_STATUSES } from '../../../core/records/job.ts'
import { TRIGGER_TYPE_NAMES } from '../../../core/trigger-types/index.ts'
import { FREQUENCIES } from '../../../core/records/schedule.ts'
import { useLab } from './lab.ts'
import { WORKFLOW_STATUSES } from '../../../core/records/workflow.ts'

/** The engine shows everything that the HTTP API shows, and so every field of the models of the reference. */

const lab = useLab()

type Shown = Record<string, unknown>

/** The HTTP API of the engine. */
async function http(): Promise<(path: string, body?: object) => Promise<Shown>> {
  const { port } = await lab.engine.startHttp({ port: 0 })
  const key = await lab.engine.createKey({ name: 'admin', scopes: ['admin'] })
  return async (path, body) => {
    const reply = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
      headers: { 'Authorization': `Bearer ${key}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    expect(reply.ok, await reply.clone().text()).toBe(true)
    return await reply.json() as Shown
  }
}

/** Both views of a record in one form: the engine's names, with instants as text. */
function alike(ours: object | undefined, theirs: Shown, called: Readonly<Record<string, string>> = {}): void {
  const expected = Object.fromEntries(
    Object.entries(theirs).map(([name, value]) => [called[name] ?? camelName(name), value]),
  )
  // Beside values with numbers the engine has their JSON, for exact reading.
  const own = Object.entries(ours ?? {}).filter(([name]) => !name.endsWith('Text'))
  expect(JSON.parse(JSON.stringify(Object.fromEntries(own)))).toEqual(expected)
}

test('a job, its definition and its log too', async () => {
  const call = await http()
  await lab.robot((job) => {
    job.log('INFO', 'Reading the orders')
    job.progress(40, 'read', 'Half of them')
    return { total: 7 }
  })
  const { id } = await lab.submit({ workflowJson: '{"nodes": {}, "a_name": 1}', params: { a_b: 1 } })
  const ended = await lab.engine.waitForJob(id)
  expect(ended).toMatchObject({ workflowJson: '{"nodes": {}, "a_name": 1}', result: { total: 7 } })
  expect(ended.logs).toMatch(/^\d{4}-.*Z INFO Reading the orders$/)
  alike(await lab.engine.getJob(id), await call(`/jobs/${id}`), { parameters: 'params' })
  const { items, nextCursor } = await lab.engine.listJobs({ status: [JobStatus.COMPLETED], limit: 1 })
  const [listed] = (await call('/jobs?status=completed'))['items'] as Shown[]
  expect(items).toHaveLength(1)
  expect(nextCursor).toBeNull()
  expect(Object.keys(items[0] ?? {})).toEqual(expect.arrayContaining(Object.keys(listed ?? {}).map(camelName)))
  expect(items[0]).not.toHaveProperty('logs')
  expect((await lab.engine.listJobs({ status: JobStatus.FAILED })).items).toEqual([])
})

test('a robot, and its metrics and last heartbeat', async () => {
  const call = await http()
  await lab.robot(() => null, { id: 'r1', capabilities: { a_b: 1 }, tags: ['sap'] })
  const seen = expect.poll(() => lab.engine.getRobot('r1'))
  await seen.toMatchObject({ id: 'r1', status: RobotStatus.ONLINE, lastHeartbeat: expect.any(Date) })
  const robot = await lab.engine.getRobot('r1')
  // Its next heartbeat may have come between the two.
  expect(Object.keys(robot?.metrics ?? {})).toEqual(['cpuPercent', 'memoryPercent', 'diskPercent'])
  const { metrics, last_seen, last_heartbeat, ...theirs } = await call('/robots/r1')
  alike(robot, {
    ...theirs,
    metrics: robot?.metrics,
    last_seen: robot?.lastSeen?.toISOString(),
    last_heartbeat: robot?.lastHeartbeat?.toISOString(),
  })
  expect([metrics, last_seen, last_heartbeat]).not.toContain(undefined)
  await lab.engine.registerRobot({ robotId: 'r2', name: 'Two' })
  expect((await lab.engine.listRobots()).items.map(({ id, status }) => `${id} ${status}`).toSorted()).toEqual([
    'r1 online',
    'r2 offline',
  ])
  expect(await lab.engine.getRobot('r2')).toMatchObject({ lastSeen: null, lastHeartbeat: null })
})

test('a schedule and a workflow', async () => {
  const call = await http()
  const { engine } = lab
  const id = await engine.publishWorkflow({ name: 'Report', workflowJson: '{"nodes": {}}', tags: ['a_b'] })
  const made = await engine.createSchedule({
    name: 'Daily',
    workflowId: id,
    frequency: ScheduleFrequency.CRON,
    cronExpression: '0 9 * * MON-FRI',
    priority: JobPriority.HIGH,
    params: { a_b: 1 },
  })
  alike(await engine.getSchedule(made.id), await call(`/schedules/${made.id}`), { parameters: 'params' })
  expect((await engine.listSchedules()).items).toEqual([made])
  alike(await engine.getWorkflow(id), await call(`/workflows/${id}`))
  const { jsonDefinition, ...summary } = await engine.getWorkflow(id) ?? {}
  expect(jsonDefinition).toBe('{"nodes": {}}')
  expect((await engine.listWorkflows()).items).toEqual([summary])
})

test('what has come to a trigger', async () => {
  const call = await http()
  const workflow_id = await lab.engine.publishWorkflow({ name: 'W', workflowJson: { nodes: {} } })
  await call('/triggers', { id: 't', name: 'T', trigger_type: TriggerType.MANUAL, workflow_id })
  await call('/triggers/t/fire', { payload: { a_b: 1 } })
  const [theirs] = (await call('/triggers/t/events'))['items'] as Shown[]
  const { items } = await lab.engine.listTriggerEvents('t')
  expect(items).toHaveLength(1)
  alike(items[0], theirs ?? {})
})

test('lists go page by page', async () => {
  for (let n = 0; n < 5; n++) await lab.submit({ params: { n } })
  const seen: unknown[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof lab.engine.listJobs>> = await lab.engine.listJobs({ limit: 2, cursor })
    seen.push(...page.items.map(({ params }) => params['n']))
    cursor = page.nextCursor
  } while (cursor !== null)
  expect(seen).toEqual([4, 3, 2, 1, 0])
})

test.each<[string, object, readonly unknown[]]>([
  ['JobPriority', JobPriority, [0, 1, 2, 3]],
  ['JobStatus', JobStatus, JOB_STATUSES],
  ['RobotStatus', RobotStatus, ['offline', 'online', 'busy', 'error', 'maintenance']],
  ['ScheduleFrequency', ScheduleFrequency, FREQUENCIES],
  ['WorkflowStatus', WorkflowStatus, WORKFLOW_STATUSES],
  ['TriggerType', TriggerType, TRIGGER_TYPE_NAMES],
])('%s has every value there is', (_name, values, all) => {
  expect(Object.values(values)).toEqual(all)
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'string') expect(name).toBe(value.toUpperCase())
  }
})
