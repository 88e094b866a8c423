import type { Event } from '../../core/events/index.ts'
import type { ScheduleRow, ScheduleSpec } from '../../core/records/schedule.ts'
import { type Bench, DEFINITION, ids } from './bench.ts'

/** Every hour, on the hour, with nothing special about it. */
const HOURLY: ScheduleSpec = {
  name: 'hourly',
  workflow_id: ids.workflow('w'),
  frequency: 'hourly',
  cron_expression: '0 * * * *',
  run_at: null,
  timezone: 'UTC',
  start_at: null,
  end_at: null,
  parameters: '{}' as ScheduleSpec['parameters'],
  priority: 1,
  robot_id: null,
  environment: '',
  pool: null,
  jitter_ms: 0,
  misfire: 'run_once',
  misfire_grace_ms: null,
  overlap: 'allow',
}

/** A published workflow, for schedules to run. */
export function workflow(id = 'w'): readonly Event[] {
  const saved: Event = {
    type: 'workflow.saved',
    reply: ids.reply('w'),
    workflow: ids.workflow(id),
    mode: 'create',
    by: 'tester',
    name: 'Workflow',
    description: '',
    tags: [],
    max_concurrent: null,
    definition: DEFINITION,
  }
  return [saved, { type: 'workflow.published', reply: ids.reply('p'), workflow: ids.workflow(id) }]
}

export function save(plan: Partial<ScheduleSpec> = {}, mode: 'create' | 'update' = 'create', id = 's'): Event {
  return {
    type: 'schedule.saved',
    reply: ids.reply('s'),
    schedule: ids.schedule(id),
    mode,
    by: 'tester',
    spec: { ...HOURLY, ...plan },
    workflow_name: null,
    enabled: null,
  }
}

export function turnOn(enabled: boolean, note = '', id = 's'): Event {
  return { type: 'schedule.switched', reply: ids.reply('e'), schedule: ids.schedule(id), enabled, note }
}

export function byHand(job: string, id = 's'): Event {
  return {
    type: 'schedule.triggered',
    reply: ids.reply('t'),
    schedule: ids.schedule(id),
    job: ids.job(job),
    by: 'tester',
    key: null,
  }
}

export function schedule(fleet: Bench, id = 's'): ScheduleRow {
  const row = fleet.state.schedules.get(ids.schedule(id))
  if (row === undefined) throw new Error(`there is no schedule ${id}`)
  return row
}

/** The recorded runs, one line each: due, until, outcome and reason. */
export function runLog(fleet: Bench): readonly string[] {
  return fleet.disk.scheduleRuns.map(({ due_at, until, outcome, reason }) => {
    const time = due_at === null ? 'now' : new Date(due_at).toISOString().slice(5, 16)
    const end = until === due_at || until === null ? '' : ` to ${new Date(until).toISOString().slice(5, 16)}`
    return `${time}${end} ${outcome}${reason === '' ? '' : ` ${reason}`}`
  })
}
