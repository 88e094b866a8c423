import type * as v from 'valibot'
import type { JsonText, WorkflowId } from '../../core/base/ids.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { NewSchedule as ScheduleBody } from '../../core/api/schedules.ts'
import { NewWorkflow as WorkflowBody } from '../../core/api/workflows.ts'
import type { ScheduleRow } from '../../core/records/schedule.ts'
import { workflowWarnings } from '../../core/explain/unsuited.ts'
import { NODE_TYPES } from '../../workflows/node-types.ts'
import { validDefinition } from '../commands/workflows.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { newScheduleId, saveSchedule } from '../commands/schedules.ts'
import { type Optional, readInput, requireObject } from './options.ts'
import type { Camel } from './names.ts'
import { errorOf, unwrap, unwrapReply } from './errors.ts'

type Times = 'run_at' | 'start_at' | 'end_at'

/** A schedule to create: the fields of `POST /api/v1/schedules`, `params` for its `parameters`. */
export type NewSchedule =
  & Optional<Camel<Omit<v.InferInput<typeof ScheduleBody>, 'parameters' | Times>>>
  & { readonly [T in keyof Camel<Record<Times, unknown>>]?: Date | string | null | undefined }
  & { readonly params?: Readonly<Record<string, unknown>> | undefined }

/** A workflow to publish: the fields of `POST /api/v1/workflows`, `workflowId` and `workflowJson` for two of them. */
export type NewWorkflow = Optional<Camel<Omit<v.InferInput<typeof WorkflowBody>, 'id' | 'json_definition'>>> & {
  readonly workflowId?: string | undefined
  readonly workflowJson: string | object
}

/** A snapshot of a schedule. */
export type Schedule = ReturnType<typeof scheduleOf>

/** Converts a row to the engine's names and types. */
export function scheduleOf(schedule: ScheduleRow) {
  const date = (at: number | null): Date | null => (at === null ? null : new Date(at))
  return {
    id: schedule.id as string,
    name: schedule.name,
    workflowId: schedule.workflow_id as string,
    workflowName: schedule.workflow_name,
    robotId: schedule.robot_id as string | null,
    frequency: schedule.frequency,
    /** The cron pattern for every frequency; empty for `once`. */
    cronExpression: schedule.cron_expression,
    runAt: date(schedule.run_at),
    timezone: schedule.timezone,
    startAt: date(schedule.start_at),
    endAt: date(schedule.end_at),
    enabled: schedule.enabled,
    note: schedule.note,
    priority: schedule.priority,
    params: JSON.parse(schedule.parameters as JsonText) as Readonly<Record<string, unknown>>,
    /** The parameters as JSON, digit for digit. */
    paramsText: schedule.parameters as string,
    environment: schedule.environment,
    pool: schedule.pool,
    jitterSeconds: schedule.jitter_ms / 1000,
    misfire: schedule.misfire,
    misfireGraceSeconds: schedule.misfire_grace_ms === null ? null : schedule.misfire_grace_ms / 1000,
    overlap: schedule.overlap,
    lastRun: date(schedule.last_run),
    /** The next instant at which it is due; null if there is none, or it is disabled. */
    nextRun: date(schedule.next_run),
    /** The instant at which the next run is acted upon: `nextRun` with jitter. */
    firesAt: date(schedule.fires_at),
    runCount: schedule.run_count,
    successCount: schedule.success_count,
    createdBy: schedule.created_by,
    createdAt: new Date(schedule.created_at),
    updatedAt: new Date(schedule.updated_at),
  }
}

/** Creates a schedule. Throws a `RefusedError` that names the field if it is invalid, or could never be due. */
export async function createSchedule(fleet: Fleet, given: NewSchedule, by: string): Promise<Schedule> {
  const body = readInput(requireObject(given), ScheduleBody, { params: 'parameters' })
  const command = unwrap(saveSchedule(body, { schedule: newScheduleId(fleet.platform.rowId), mode: 'create', by }))
  return scheduleOf(unwrapReply(await fleet.request((reply) => ({ ...command, reply })), 'schedule').schedule)
}

/** Saves a workflow, creating it if unknown, and publishes it. Resolves with its id. */
export async function publishWorkflow(fleet: Fleet, given: NewWorkflow, by: string): Promise<string> {
  const body = readInput(requireObject(given), WorkflowBody, { workflowId: 'id', workflowJson: 'json_definition' })
  const definition = validDefinition(body.json_definition)
  if (isRefusal(definition)) throw errorOf(definition)
  const workflow = (body.id ?? fleet.platform.rowId()) as WorkflowId
  const saved = await fleet.request((reply) => ({
    type: 'workflow.saved',
    reply,
    workflow,
    mode: fleet.state.workflows.has(workflow) ? 'update' : 'create',
    by,
    name: body.name,
    description: body.description,
    tags: body.tags,
    max_concurrent: body.max_concurrent,
    definition,
  }))
  unwrapReply(saved, 'workflow')
  const published = await fleet.request((reply) => ({ type: 'workflow.published', reply, workflow }))
  const row = unwrapReply(published, 'workflow').workflow
  for (const { message } of workflowWarnings(fleet.state, row, NODE_TYPES)) {
    fleet.platform.log('warn', `workflow ${row.id}: ${message}`)
  }
  return row.id
}
