import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Robot } from '../../robot/robot.ts'
import { copyRows } from './copies.ts'
import { ask, startOurs, WORKFLOW } from './ours.ts'
import type { Connection, Running } from './system.ts'

/** The lists that are measured, and a server in which each of them is long. */

/** Paths of lists of jobs with every kind of filter, of which some find nothing. */
const JOBS = [
  '',
  'limit=200',
  'status=completed',
  'status=failed',
  'status=cancelled',
  'status=failed,cancelled,timeout',
  'workflow_id=workflow-3',
  'workflow_id=workflow-3&status=completed',
  'workflow_id=workflow-3&status=failed',
  'workflow_id=workflow-0&status=failed',
  'workflow_id=workflow-3&status=cancelled',
  'workflow_id=nothing&status=failed',
  'robot_id=robot-3',
  'robot_id=robot-3&status=failed',
  'robot_id=robot-3&workflow_id=workflow-3',
  'robot_id=robot-3&workflow_id=workflow-3&status=failed',
  'trigger_id=none&status=completed',
  'schedule_id=none&workflow_id=workflow-3',
  'dead_lettered=true',
  'dead_lettered=true&workflow_id=workflow-3',
].map((filters) => `jobs?${filters}`)

/** A server with long lists, and the paths of all that are measured, below `/api/v1/`. */
export interface Long {
  readonly server: Running
  readonly paths: readonly string[]
}

/**
 * Makes lists of everything else long as well: a job has so many log lines, a trigger so many events, a schedule so many
 * runs, and a webhook so many deliveries. The server is stopped, and started again on the same data.
 */
export async function lengthened(server: Running, data: string, count: number): Promise<Long> {
  const { connection } = server
  const job = await jobWithLog(connection)
  const { id: trigger } = await ask<{ id: string }>(connection, '/api/v1/triggers', {
    name: 'by hand',
    trigger_type: 'manual',
    workflow_id: WORKFLOW,
    config: {},
  })
  await ask(connection, `/api/v1/triggers/${trigger}/fire`, {})
  const { id: schedule } = await ask<{ id: string }>(connection, '/api/v1/schedules', {
    name: 'daily',
    workflow_id: WORKFLOW,
    frequency: 'daily',
    enabled: false,
  })
  await ask(connection, `/api/v1/schedules/${schedule}/trigger`, {})
  // Nothing is there: the delivery stays as it is.
  const webhook = await ask<{ id: string }>(connection, '/api/v1/webhooks', {
    url: 'https://receiver.example.com/',
    events: ['webhook.disabled'],
  })
  await ask(connection, `/api/v1/webhooks/${webhook.id}/test`, {})
  await server.stop()
  const file = join(data, 'orchestrator.db')
  copyRows(file, 'job_logs', count, {})
  copyRows(file, 'trigger_events', count, {})
  copyRows(file, 'schedule_runs', count, { due_at: 'null', job_id: 'null', outcome: `'skipped'` })
  copyRows(file, 'deliveries', count, { next_at: 'null', status: `'delivered'`, created_at: 't.created_at - n' })
  return {
    server: await startOurs(data, connection),
    paths: [
      ...JOBS,
      `jobs/${job}`,
      `jobs/${job}/history`,
      `jobs/${job}/logs?limit=200`,
      `jobs/${job}/explain`,
      `triggers/${trigger}/events?limit=200`,
      `schedules/${schedule}/runs?limit=200`,
      `webhooks/${webhook.id}`,
      `webhooks/${webhook.id}/deliveries?limit=200`,
      `webhooks/${webhook.id}/deliveries?status=failed`,
      'stats/queue',
      'stats/dispatcher',
    ],
  }
}

/** The id of a job that has ended and has a line in its log. */
async function jobWithLog(connection: Connection): Promise<string> {
  const robot = new Robot({
    url: connection['robots'] ?? '',
    id: 'writer',
    key: connection['key'] ?? '',
    stateFile: false,
    runner(job) {
      job.log('INFO', 'The invoice of C-10442 has 12 lines.')
      return {}
    },
  })
  await robot.start()
  const { id } = await ask<{ id: string }>(connection, '/api/v1/jobs', { workflow_id: WORKFLOW, robot_id: 'writer' })
  const path = `/api/v1/jobs/${id}`
  await ask(connection, `${path}?wait_seconds=60`)
  while ((await ask<{ items: readonly unknown[] }>(connection, `${path}/logs`)).items.length === 0) await setTimeout(20)
  await robot.stop()
  return id
}
