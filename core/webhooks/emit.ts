import type { Turn } from '../turn.ts'
import type { FactOf } from '../fact.ts'
import type { DeliveryId, Millis, WorkflowId } from '../base/ids.ts'
import { instantText } from '../base/instant.ts'
import type { JobRow } from '../records/job.ts'
import { WEBHOOK_TEXT_CHARS_MAX } from '../settings.ts'
import { saveDelivery } from './queue.ts'
import { cut } from '../base/text.ts'
import { toText } from '../base/json.ts'
import { borrowsId } from '../workflows/definitions.ts'
import type { ScheduleRunRow } from '../records/schedule.ts'
import type { State } from '../state.ts'
import type { TriggerEventRow, TriggerRow } from '../records/trigger.ts'
import { type DeliveryRow, newDelivery, PING, type WebhookEvent, type WebhookRow } from '../records/webhook.ts'
import type { RobotRow } from '../records/robot.ts'

/**
 * Creates the deliveries of an event, in the same transaction as the change that they report. A lost turn therefore
 * sends nothing, and a committed one is always reported. The data is built from the row only if a webhook subscribes to
 * the event.
 */
export function emit<Row>(
  state: State,
  turn: Turn,
  event: WebhookEvent,
  workflow: WorkflowId | null,
  row: Row,
  dataOf: (row: Row) => object,
): void {
  const listeners = state.deliveries.listeners.get(event)
  if (listeners === undefined) return
  let data: object | null = null
  for (const webhook of listeners) {
    if (webhook.workflow_id !== null && webhook.workflow_id !== workflow) continue
    data ??= dataOf(row)
    createDelivery(state, webhook, event, data, turn)
  }
}

/** Creates one delivery, to be sent as soon as the turn is durable. */
function createDelivery(
  state: State,
  webhook: WebhookRow,
  event: DeliveryRow['event'],
  data: object,
  turn: Turn,
): DeliveryRow {
  const seq = ++state.seq
  const row: DeliveryRow = {
    // The number is consumed when this is on disk, so an id never stands for two deliveries.
    id: `msg_${webhook.id}_${seq}` as DeliveryId,
    webhook_id: webhook.id,
    seq,
    event,
    payload: toText({ type: event, timestamp: instantText(turn.now), data }),
    created_at: turn.now,
    ...newDelivery(turn.now),
  }
  saveDelivery(state, row, turn)
  return row
}

/** Emits a change of a job. */
export function emitJob(state: State, { job, event }: FactOf<'job.changed'>, turn: Turn): void {
  if (state.deliveries.listeners.size === 0) return
  const about = borrowsId(state, job) ? null : job.workflow_id
  if (event === 'submit') emit(state, turn, 'job.created', about, job, jobData)
  else if (event === 'accept') emit(state, turn, 'job.started', about, job, jobData)
  else if (event in ENDS) emit(state, turn, ENDS[event as keyof typeof ENDS], about, job, jobData)
  if (job.status === 'queued' && QUEUES.has(event)) emit(state, turn, 'job.queued', about, job, jobData)
  if (event === 'fail' && job.dead_lettered) emit(state, turn, 'job.dead_lettered', about, job, jobData)
}

const ENDS = {
  complete: 'job.completed',
  fail: 'job.failed',
  cancel: 'job.cancelled',
  expire: 'job.timeout',
} as const satisfies Record<string, WebhookEvent>
const QUEUES: ReadonlySet<string> = new Set(['submit', 'ready', 'requeue'])

/** Emits that a robot has connected or disconnected. */
export function emitRobot(
  state: State,
  { type, robot }: FactOf<'robot.online' | 'robot.offline'>,
  turn: Turn,
): void {
  emit(state, turn, type, null, robot, robotData)
}

/** Emits an event of a trigger, which has made a job or not. */
export function emitTriggerEvent(state: State, { trigger, event }: FactOf<'trigger.fired'>, turn: Turn): void {
  const about = trigger.workflow_id
  if (event.outcome === 'fired') emit(state, turn, 'trigger.fired', about, { trigger, event }, firedData)
  else emit(state, turn, 'trigger.skipped', about, { trigger, event }, skippedData)
}

/** Emits the outcome of a schedule's due instant: a job, or none. */
export function emitScheduleRun(state: State, { schedule, run }: FactOf<'schedule.ran'>, turn: Turn): void {
  const event = run.job_id === null ? 'schedule.skipped' : 'schedule.fired'
  emit(state, turn, event, schedule.workflow_id, run, scheduleRunData)
}

/** Creates a test delivery, whichever events the webhook subscribes to. */
export function ping(state: State, webhook: WebhookRow, by: string, turn: Turn): DeliveryRow {
  return createDelivery(state, webhook, PING, { webhook_id: webhook.id, requested_by: by }, turn)
}

/**
 * The data of a job in a delivery, without parameters and result, which may be large or secret. A receiver with access
 * can request them.
 */
function jobData(job: JobRow): object {
  return {
    job_id: job.id,
    workflow_id: job.workflow_id,
    workflow_name: job.workflow_name,
    workflow_version: job.workflow_version,
    status: job.status,
    priority: job.priority,
    environment: job.environment,
    robot_id: job.robot_id ?? job.pinned_robot_id,
    robot_name: short(job.robot_name),
    attempt: job.attempt,
    trigger_id: job.trigger_id,
    retry_of: job.retry_of,
    created_by: job.created_by,
    created_at: instantText(job.created_at),
    scheduled_time: text(job.scheduled_time),
    started_at: text(job.started_at),
    completed_at: text(job.completed_at),
    error_type: job.error_type,
    error_message: short(job.error_message),
    dead_lettered: job.dead_lettered,
  }
}

function robotData(robot: RobotRow): object {
  return { robot_id: robot.id, name: short(robot.name), environment: robot.environment, mode: robot.mode }
}

interface FiredTrigger {
  readonly trigger: TriggerRow
  readonly event: TriggerEventRow
}

function firedData({ trigger, event }: FiredTrigger): object {
  return { ...triggerData(trigger), job_id: event.job_id }
}

function skippedData({ trigger, event }: FiredTrigger): object {
  return { ...triggerData(trigger), reason: event.reason }
}

function triggerData({ id, name, trigger_type, workflow_id }: TriggerRow): object {
  return { trigger_id: id, name, trigger_type, workflow_id }
}

function scheduleRunData({ schedule_id, due_at, until, outcome, reason, job_id }: ScheduleRunRow): object {
  return { schedule_id, due_at: text(due_at), until: text(until), outcome, reason, job_id }
}

function text(at: Millis | null): string | null {
  return at === null ? null : instantText(at)
}

/** Cuts a text at a character boundary. */
function short(long: string): string {
  return cut(long, WEBHOOK_TEXT_CHARS_MAX)
}
