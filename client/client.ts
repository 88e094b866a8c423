import type { fleets, NewFleet as NewFleetBody } from '../core/api/fleets.ts'
import type { keys, NewKey as KeySchema } from '../core/api/keys.ts'
import { PATHS } from '../core/api/paths.ts'
import type { NewPool as NewPoolSchema, pools } from '../core/api/pools.ts'
import type { InputOf } from '../core/api/route.ts'
import type { NewWebhook as WebhookSchema, webhooks } from '../core/api/webhooks.ts'
import type { NewRobot as NewRobotBody, robots } from '../core/api/robots.ts'
import type { ManualFiring, NewTrigger as NewTriggerBody, triggers } from '../core/api/triggers.ts'
import type { FileReport } from '../core/trigger-types/file-watch.ts'
import type { NewSchedule as NewScheduleBody, schedules } from '../core/api/schedules.ts'
import type { NewWorkflow as NewWorkflowBody, workflows } from '../core/api/workflows.ts'
import type { HistoryEntry as HistoryEntryRecord } from '../core/records/job-history.ts'
import type { ViewOf } from '../core/records/record.ts'
import type { health } from '../core/api/health.ts'
import type { stats } from '../core/api/stats.ts'
export type { FileOutcome, FiringView, NewTriggerView, TriggerEventView, TriggerView } from '../core/api/triggers.ts'
export type { FleetView, NewFleetView } from '../core/api/fleets.ts'
export type { KeyView, NewKeyView } from '../core/api/keys.ts'
export type { DeliveryView, NewWebhookView, WebhookDetail, WebhookView } from '../core/api/webhooks.ts'
import type { CallView, IgnoredCallView } from '../core/api/calls.ts'
import { call, type WorkflowCall } from './calls.ts'
import { type Jobs, jobsOf } from './jobs.ts'
import { type ClientOf, clientOf } from './routes.ts'
import { type ClientOptions, Transport } from './transport.ts'

export type { WorkflowCall } from './calls.ts'
export { ExactNumber, parseExact, stringifyExact } from '../core/base/exact.ts'
export { CasareError } from './errors.ts'
export type { JobQuery, JobStatus, NewBatchedJob, NewJob, SubmitOptions } from './jobs.ts'
export type NewTrigger = InputOf<typeof NewTriggerBody>
/** The event of a trigger that is fired by hand. */
export type Firing = InputOf<typeof ManualFiring>
/** A change of a file of the reporter's own machine. */
export type FileEvent = InputOf<typeof FileReport>['events'][number]
export type NewRobot = InputOf<typeof NewRobotBody>
export type NewSchedule = InputOf<typeof NewScheduleBody>
export type NewWorkflow = InputOf<typeof NewWorkflowBody>
export type NewPool = InputOf<typeof NewPoolSchema>
export type NewFleet = InputOf<typeof NewFleetBody>
export type NewKey = InputOf<typeof KeySchema>
export type NewWebhook = InputOf<typeof WebhookSchema>
export type { CallOptions, ClientOptions } from './transport.ts'
export type { PoolView } from '../core/api/pools.ts'
export type { BatchOutcome, JobDetail, JobSummary, LogLineView as LogLine, SubmittedJob } from '../core/api/jobs.ts'
export type { ReportView, RobotView } from '../core/api/robots.ts'
export type { ScheduleRunView, ScheduleView, UpcomingRunView } from '../core/api/schedules.ts'
export type { PublishedWorkflow, VersionView, WorkflowDetail, WorkflowSummary } from '../core/api/workflows.ts'
export type HistoryEntry = ViewOf<typeof HistoryEntryRecord>
export type { ExplanationView, SuitabilityWarning as WarningView } from '../core/records/explanation.ts'
export type { CallView, IgnoredCallView } from '../core/api/calls.ts'
export type { Health } from '../core/api/health.ts'
export type { DispatcherStats, QueueStats } from '../core/records/stats.ts'

/**
 * The HTTP API for programs, wherever there is `fetch`. Names are those of the API. Throws a `CasareError` for a
 * refusal. Requests that are safe to repeat are tried again while the orchestrator is unreachable or asks to wait.
 */
export class CasareClient {
  readonly jobs: Jobs
  readonly robots: ClientOf<typeof robots>
  readonly workflows: ClientOf<typeof workflows>
  readonly triggers: ClientOf<typeof triggers>
  readonly schedules: ClientOf<typeof schedules>
  readonly keys: ClientOf<typeof keys>
  readonly pools: ClientOf<typeof pools>
  readonly webhooks: ClientOf<typeof webhooks>
  /** The other fleets, for a client of the default one. */
  readonly fleets: ClientOf<typeof fleets>
  /** Current counts. */
  readonly stats: ClientOf<typeof stats>
  /** The health of the process. Needs no key, and resolves also for an orchestrator that takes no jobs at present. */
  readonly health: ClientOf<typeof health>['check']
  readonly #transport: Transport
  readonly #base: string

  /** Throws a `TypeError` for an invalid `url`. Sends nothing yet. */
  constructor(options: ClientOptions) {
    const { fleet } = options
    const base = this.#base = fleet === undefined ? '' : `/fleets/${encodeURIComponent(fleet)}`
    const transport = this.#transport = new Transport(options)
    this.jobs = jobsOf(transport, base)
    this.robots = clientOf(transport, base, PATHS.robots)
    this.workflows = clientOf(transport, base, PATHS.workflows)
    this.triggers = clientOf(transport, base, PATHS.triggers)
    this.schedules = clientOf(transport, base, PATHS.schedules)
    this.keys = clientOf(transport, base, PATHS.keys)
    this.pools = clientOf(transport, base, PATHS.pools)
    this.webhooks = clientOf(transport, base, PATHS.webhooks)
    this.fleets = clientOf(transport, base, PATHS.fleets)
    this.stats = clientOf(transport, base, PATHS.stats)
    this.health = clientOf<typeof health>(transport, '', PATHS.health).check
  }

  /**
   * Calls a workflow by the alias of its trigger, and resolves with the outcome once the job has ended, successfully or not.
   * A call that the trigger's filter rejects resolves at once, with `job_id` null.
   */
  call(alias: string, parameters: object = {}, options: WorkflowCall = {}): Promise<CallView | IgnoredCallView> {
    return call(this.#transport, this.#base, alias, parameters, options)
  }
}
