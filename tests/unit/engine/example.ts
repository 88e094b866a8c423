import { JobPriority, OrchestratorEngine, RefusedError, ScheduleFrequency } from 'casare-orchestrator'

const engine = new OrchestratorEngine({
  loadBalancing: 'least_loaded',
  defaultJobTimeout: 3600,
})

await engine.start()
const { port } = await engine.startServer({ host: '127.0.0.1', port: Number(process.env['ROBOT_PORT'] ?? 8765) })

import { Robot } from 'casare-orchestrator/robot'

const key = await engine.createKey({ name: 'Robot 1', scopes: ['robots:connect'], robotId: 'robot-1' })
const worker = new Robot({
  url: `ws://127.0.0.1:${port}`,
  key,
  id: 'robot-1',
  handlers: {
    'extract': (job) => ({ customer: job.parameters['customer_id'] }),
    'break': () => Promise.reject(new Error('Element not found: #submit')),
  },
})
await worker.start()

const job = await engine.submitJob({
  workflowId: 'extract',
  workflowName: 'Data Extraction',
  workflowJson: '{"nodes": {}, "connections": []}',
  robotId: null, // Any available robot
  priority: JobPriority.HIGH,
  scheduledTime: null, // Immediate
  params: { customer_id: 'CUST-001' },
  checkDuplicate: true,
})
console.log(`Job ID: ${job.id}`)

const ended = await engine.waitForJob(job.id)
console.log(ended.status, ended.result)

try {
  await engine.submitJob({
    workflowId: 'extract',
    workflowJson: '{"nodes": {}, "connections": []}',
    params: { customer_id: 'CUST-001' },
    checkDuplicate: true,
  })
} catch (error) {
  if (!(error instanceof RefusedError)) throw error
  console.log(error.code, error.details['jobId'] === job.id)
}

const outcomes = await engine.submitBatch([
  { workflowId: 'extract', workflowJson: '{"nodes": {}, "connections": []}', params: { customer_id: 'CUST-002' } },
  { workflowId: 'no-such-workflow' },
])
for (const outcome of outcomes) {
  if ('job' in outcome) console.log((await engine.waitForJob(outcome.job.id)).status)
  else console.log(outcome.error.code)
}

const later = await engine.submitJob({
  workflowId: 'extract',
  workflowJson: '{"nodes": {}, "connections": []}',
  scheduledTime: new Date(Date.now() + 3_600_000),
})
const success = await engine.cancelJob(later.id, 'Cancelled by administrator')
console.log('Cancelled:', success)

const broken = await engine.submitJob({ workflowId: 'break', workflowJson: '{"nodes": {}, "connections": []}' })
const failed = await engine.waitForJob(broken.id)
console.log(failed.status, failed.errorMessage)

const newJob = await engine.retryJob(failed.id)
const again = await engine.waitForJob(newJob.id)
console.log('Retried:', newJob.retryOf === failed.id, again.status)

const robot = await engine.registerRobot({
  robotId: 'robot-uuid',
  name: 'Production Robot 1',
  environment: 'production',
  maxConcurrentJobs: 3,
  tags: ['browser', 'desktop'],
})
const { items: robots } = await engine.listRobots()
console.log(robot.name, robot.status, robots.map(({ id, status }) => `${id} ${status}`).toSorted().join(', '))

const stuck = await engine.submitJob({
  workflowId: 'extract',
  workflowJson: '{"nodes": {}, "connections": []}',
  requiredTags: ['browser'],
})
const explanation = await engine.explain(stuck.id)
console.log(explanation.blockers.map(({ code }) => code).join(', '))

await engine.publishWorkflow({ workflowId: 'report', name: 'Report', workflowJson: '{"nodes": {}, "connections": []}' })
const schedule = await engine.createSchedule({
  name: 'Daily Report',
  workflowId: 'report',
  workflowName: 'Generate Daily Report',
  frequency: ScheduleFrequency.CRON,
  cronExpression: '0 9 * * MON-FRI',
  robotId: null,
  priority: JobPriority.NORMAL,
  timezone: 'America/New_York',
  enabled: true,
})
console.log(schedule.workflowName, schedule.nextRun)

const queueStats = engine.getQueueStats()
console.log(queueStats.queued, queueStats.byPriority)

const dispatchStats = engine.getDispatcherStats()
console.log(dispatchStats.totalRobots, dispatchStats.online, dispatchStats.offline, dispatchStats.strategy)

const schedules = engine.getUpcomingSchedules({ limit: 10 })
console.log(schedules.map(({ name }) => name).join(', '))

await worker.stop()
await engine.stop()
