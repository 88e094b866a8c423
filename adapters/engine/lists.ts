import type { RobotId, ScheduleId, TriggerId, WorkflowId } from '../../core/base/ids.ts'
import type { JobStatus } from '../../core/records/job.ts'
import { presence } from '../../core/robots/presence.ts'
import { notFound } from '../../core/base/refusal.ts'
import { JobsQuery } from '../../core/api/jobs.ts'
import { PageQuery as AnyPage } from '../../core/api/query.ts'
import { NewRobot } from '../../core/api/robots.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { readQuery } from '../http/kit/query.ts'
import { encodeCursor, ledgerPage, pageFrom } from '../http/kit/request.ts'
import type { PageQuery, RowPage as Rows } from '../store/contract.ts'
import { type NewRobotRecord, readInput, requireObject } from './options.ts'
import { snakeName } from './names.ts'
import { unknownName } from '../../core/base/suggest.ts'
import { errorOf, RefusedError, unwrap, unwrapReply } from './errors.ts'
import { type Schedule, scheduleOf } from './schedules.ts'
import {
  jobOf,
  type JobSummary,
  type Robot,
  robotOf,
  type TriggerEvent,
  triggerEventOf,
  type Workflow,
  workflowOf,
  type WorkflowSummary,
} from './view.ts'
import type { RobotRow } from '../../core/records/robot.ts'

/** Selects a page of a list. */
export interface PageOptions {
  /** 1 to 200; default 50. */
  readonly limit?: number | undefined
  /** The `nextCursor` of the previous page. */
  readonly cursor?: string | null | undefined
}

/** Filters for a list of jobs, and the page of it. */
export interface JobFilter extends PageOptions {
  readonly status?: JobStatus | readonly JobStatus[] | undefined
  readonly workflowId?: string | undefined
  readonly robotId?: string | undefined
  readonly triggerId?: string | undefined
  readonly scheduleId?: string | undefined
  readonly parentJobId?: string | undefined
  readonly deadLettered?: boolean | undefined
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[]
  /** The cursor of the next page; null on the last. */
  readonly nextCursor: string | null
}

const PAGE = ['limit', 'cursor']
const JOBS = ['status', 'workflowId', 'robotId', 'triggerId', 'scheduleId', 'parentJobId', 'deadLettered', ...PAGE]

/** By creation, newest first. */
export async function listJobs({ queries }: Fleet, filter: JobFilter): Promise<Page<JobSummary>> {
  const query = unwrap(readQuery(queryOf(filter, JOBS), JobsQuery))
  return shown(await queries.jobs({ ...query, ...unwrap(pageFrom(query)) }), jobOf)
}

/** The present state of robots. */
export async function listRobots(fleet: Fleet, options: PageOptions): Promise<Page<Robot>> {
  return shown(await fleet.queries.robots(pageIn(options)), (robot) => robotNow(fleet, robot))
}

/** The present state of a robot, or undefined. */
export async function getRobot(fleet: Fleet, id: string): Promise<Robot | undefined> {
  const robot = await fleet.queries.robot(id as RobotId)
  return robot === undefined ? undefined : robotNow(fleet, robot)
}

/** Registers a robot, or changes its record. */
export async function registerRobot(fleet: Fleet, robot: NewRobotRecord): Promise<Robot> {
  const body = readInput(requireObject(robot), NewRobot, { robotId: 'id' })
  const answer = await fleet.request((reply) => ({
    type: 'robot.saved',
    reply,
    robot: (body.id ?? fleet.platform.rowId()) as RobotId,
    mode: 'upsert',
    name: body.name,
    environment: body.environment,
    max_concurrent_jobs: body.max_concurrent_jobs,
    tags: body.tags,
    capabilities: body.capabilities,
  }))
  return robotNow(fleet, unwrapReply(answer, 'robot').robot)
}

function robotNow(fleet: Fleet, robot: RobotRow): Robot {
  return robotOf(robot, presence(fleet.state, robot.id))
}

/** Every schedule, including those that are never due again. */
export async function listSchedules({ queries }: Fleet, options: PageOptions): Promise<Page<Schedule>> {
  return shown(await queries.schedules(pageIn(options)), scheduleOf)
}

/** The schedule, or undefined. */
export async function getSchedule({ queries }: Fleet, id: string): Promise<Schedule | undefined> {
  const schedule = await queries.schedule(id as ScheduleId)
  return schedule === undefined ? undefined : scheduleOf(schedule)
}

/** Lists workflows without their definitions. */
export async function listWorkflows({ queries }: Fleet, options: PageOptions): Promise<Page<WorkflowSummary>> {
  return shown(await queries.workflows(pageIn(options)), workflowOf)
}

/** The workflow with its newest definition, or undefined. */
export async function getWorkflow({ queries }: Fleet, id: string): Promise<Workflow | undefined> {
  const workflow = await queries.workflow(id as WorkflowId)
  if (workflow === undefined) return undefined
  return { ...workflowOf(workflow), jsonDefinition: await queries.definition(workflow.definition) ?? '{}' }
}

/** The events of a trigger, newest first. */
export async function listTriggerEvents(
  { queries }: Fleet,
  trigger: string,
  options: PageOptions,
): Promise<Page<TriggerEvent>> {
  const id = trigger as TriggerId
  const query = pageIn(options)
  if (await queries.trigger(id) === undefined) throw errorOf(notFound('Trigger', String(trigger)))
  const rows = await queries.triggerEvents(id, { before: query.after?.at, limit: query.limit + 1 })
  return shown(ledgerPage(rows, query, id), triggerEventOf)
}

function shown<Row, T>({ items, next }: Rows<Row>, show: (row: Row) => T): Page<T> {
  return { items: items.map(show), nextCursor: encodeCursor(next) }
}

function pageIn(options: PageOptions): PageQuery {
  return unwrap(pageFrom(unwrap(readQuery(queryOf(options, PAGE), AnyPage))))
}

/** Turns options into a query of the HTTP API. Refuses unknown names: a misspelt filter must not match everything. */
function queryOf(given: object, names: readonly string[]): Record<string, string> {
  const query: Record<string, string> = {}
  for (const [name, value] of Object.entries(requireObject(given)) as [string, unknown][]) {
    if (!names.includes(name)) {
      throw new RefusedError('INVALID_PAYLOAD', unknownName('field', name, names), { fields: [name] })
    }
    if (value !== undefined && value !== null) query[snakeName(name)] = String(value)
  }
  return query
}
