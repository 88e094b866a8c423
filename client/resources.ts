import type { FileOutcome, FileReport, FileReportView } from '../core/trigger-types/file-watch.ts'
import type { InputOf, NewKey as Key, NewPool as Pool, NewRobot as Robot } from '../core/api/request.ts'
import type {
  ManualFiring as TriggerFiring,
  NewSchedule as Schedule,
  NewTrigger as Trigger,
  NewWorkflow as Workflow,
} from '../core/api/request.ts'
import type {
  JobSummary,
  KeyView,
  NewKeyView,
  Page,
  PoolView,
  PublishedWorkflow,
  ReportView,
  RobotView,
  ScheduleRunView,
  ScheduleView,
  UpcomingRunView,
  VersionView,
  WorkflowDetail,
  WorkflowSummary,
} from '../core/api/view.ts'
import type { FiringView, NewTriggerView, TriggerEventView, TriggerView } from '../core/api/trigger-view.ts'
import { newKey, type SubmitOptions } from './jobs.ts'
import type { CallOptions, Transport } from './transport.ts'
import type { DispatcherStats, QueueStats } from '../core/records/stats.ts'

/** Everything but jobs: what is on record. Each is what `docs/API.md` says of its route. */

export type NewRobot = InputOf<typeof Robot>
export type NewWorkflow = InputOf<typeof Workflow>
export type NewTrigger = InputOf<typeof Trigger>
export type Firing = InputOf<typeof TriggerFiring>
/** What has happened to a file of the reporter's own machine. */
export type FileEvent = InputOf<typeof FileReport>['events'][number]
export type NewSchedule = InputOf<typeof Schedule>
export type NewKey = InputOf<typeof Key>
export type NewPool = InputOf<typeof Pool>

/** What all of them have: a route, and a way to it. */
export class Resource {
  protected readonly transport: Transport
  protected readonly root: string

  constructor(transport: Transport, root: string) {
    this.transport = transport
    this.root = root
  }

  protected at(id: string): string {
    return `${this.root}/${encodeURIComponent(id)}`
  }
}

/** Robots, and what they are told to do. */
export class Robots extends Resource {
  list(options: CallOptions = {}): AsyncGenerator<RobotView, void, undefined> {
    return this.transport.list(this.root, {}, options)
  }

  get(id: string, options: CallOptions = {}): Promise<RobotView> {
    return this.transport.send('GET', this.at(id), options)
  }

  /** Puts a robot on record before it has connected. What it says when it registers wins. */
  create(robot: NewRobot, options: CallOptions = {}): Promise<RobotView> {
    return this.transport.send('POST', this.root, { ...options, body: robot })
  }

  update(id: string, robot: NewRobot, options: CallOptions = {}): Promise<RobotView> {
    return this.transport.send('PUT', this.at(id), { ...options, body: robot })
  }

  /** It gets no more jobs, now and after it has reconnected, until `resume`. */
  pause(id: string, options: CallOptions = {}): Promise<RobotView> {
    return this.transport.send('POST', `${this.at(id)}/pause`, { ...options, repeatable: true })
  }

  resume(id: string, options: CallOptions = {}): Promise<RobotView> {
    return this.transport.send('POST', `${this.at(id)}/resume`, { ...options, repeatable: true })
  }

  /** Told to end; `graceful`, as it is unless said otherwise, once its jobs have. */
  shutdown(id: string, options: CallOptions & { readonly graceful?: boolean | undefined } = {}): Promise<RobotView> {
    const { graceful, ...rest } = options
    return this.transport.send('POST', `${this.at(id)}/shutdown`, { ...rest, body: { graceful } })
  }

  /** Asks the robot itself. `TIMEOUT` when it does not answer, `CONNECTION_ERROR` when it is away. */
  status(id: string, options: CallOptions = {}): Promise<ReportView> {
    return this.transport.send('POST', `${this.at(id)}/status`, options)
  }
}

/** Workflows and their versions. */
export class Workflows extends Resource {
  list(options: CallOptions = {}): AsyncGenerator<WorkflowSummary, void, undefined> {
    return this.transport.list(this.root, {}, options)
  }

  get(id: string, options: CallOptions = {}): Promise<WorkflowDetail> {
    return this.transport.send('GET', this.at(id), options)
  }

  async versions(id: string, options: CallOptions = {}): Promise<readonly VersionView[]> {
    return (await this.transport.send<Page<VersionView>>('GET', `${this.at(id)}/versions`, options)).items
  }

  /** A draft: nothing runs it before `publish`. */
  create(workflow: NewWorkflow, options: CallOptions = {}): Promise<WorkflowDetail> {
    return this.transport.send('POST', this.root, { ...options, body: workflow })
  }

  /** A new version, if the definition differs. */
  update(id: string, workflow: NewWorkflow, options: CallOptions = {}): Promise<WorkflowDetail> {
    return this.transport.send('PUT', this.at(id), { ...options, body: workflow })
  }

  /** The newest version becomes what jobs run. */
  publish(id: string, options: CallOptions = {}): Promise<PublishedWorkflow> {
    return this.transport.send('POST', `${this.at(id)}/publish`, { ...options, repeatable: true })
  }
}

/** What starts workflows from outside. */
export class Triggers extends Resource {
  list(options: CallOptions = {}): AsyncGenerator<TriggerView, void, undefined> {
    return this.transport.list(this.root, {}, options)
  }

  get(id: string, options: CallOptions = {}): Promise<TriggerView> {
    return this.transport.send('GET', this.at(id), options)
  }

  /** The secret that callers must send is in the answer, this once. */
  create(trigger: NewTrigger, options: CallOptions = {}): Promise<NewTriggerView> {
    return this.transport.send('POST', this.root, { ...options, body: trigger })
  }

  /** Everything is as it is given here, or as it is for a new one; its type stays, and its secret where none is given. */
  update(id: string, trigger: NewTrigger, options: CallOptions = {}): Promise<NewTriggerView> {
    return this.transport.send('PUT', this.at(id), { ...options, body: trigger })
  }

  /** Its events go with it; its jobs go on. */
  delete(id: string, options: CallOptions = {}): Promise<TriggerView> {
    return this.transport.send('DELETE', this.at(id), options)
  }

  enable(id: string, options: CallOptions = {}): Promise<TriggerView> {
    return this.transport.send('POST', `${this.at(id)}/enable`, { ...options, repeatable: true })
  }

  disable(id: string, options: CallOptions = {}): Promise<TriggerView> {
    return this.transport.send('POST', `${this.at(id)}/disable`, { ...options, repeatable: true })
  }

  /** Fires it by hand, whatever its type. As `jobs.submit`, it is sent again when the answer was lost, and is one job. */
  fire(
    id: string,
    event: Firing = {},
    { idempotencyKey = newKey(), signal }: SubmitOptions = {},
  ): Promise<FiringView> {
    const headers = { 'Idempotency-Key': idempotencyKey }
    return this.transport.send('POST', `${this.at(id)}/fire`, { body: event, headers, repeatable: true, signal })
  }

  /**
   * Tells a `file_watch` trigger with `reported: true` what has happened to files, with a robot's key too. What became of
   * each event stands in its place. Sent again when the answer was lost, and then each makes one job all the same.
   */
  async reportFiles(
    id: string,
    events: readonly FileEvent[],
    { idempotencyKey = newKey(), signal }: SubmitOptions = {},
  ): Promise<readonly FileOutcome[]> {
    const body = { body: { events }, headers: { 'Idempotency-Key': idempotencyKey }, repeatable: true, signal }
    return (await this.transport.send<FileReportView>('POST', `${this.at(id)}/file-events`, body)).items
  }

  /** What reached it, and what became of that; the last first. */
  events(id: string, options: CallOptions = {}): AsyncGenerator<TriggerEventView, void, undefined> {
    return this.transport.list(`${this.at(id)}/events`, {}, options)
  }
}

/** What makes jobs at times. */
export class Schedules extends Resource {
  list(options: CallOptions = {}): AsyncGenerator<ScheduleView, void, undefined> {
    return this.transport.list(this.root, {}, options)
  }

  get(id: string, options: CallOptions = {}): Promise<ScheduleView> {
    return this.transport.send('GET', this.at(id), options)
  }

  /** Those that are due next, the nearest first. */
  async upcoming(limit = 10, options: CallOptions = {}): Promise<readonly ScheduleView[]> {
    const request = { ...options, query: { limit } }
    return (await this.transport.send<Page<ScheduleView>>('GET', `${this.root}/upcoming`, request)).items
  }

  /** When it is due next, and when that is acted upon. */
  async preview(id: string, count = 10, options: CallOptions = {}): Promise<readonly UpcomingRunView[]> {
    const request = { ...options, query: { count } }
    return (await this.transport.send<Page<UpcomingRunView>>('GET', `${this.at(id)}/preview`, request)).items
  }

  /** What became of every instant at which it was due, the last decided first. */
  runs(id: string, options: CallOptions = {}): AsyncGenerator<ScheduleRunView, void, undefined> {
    return this.transport.list(`${this.at(id)}/runs`, {}, options)
  }

  create(schedule: NewSchedule, options: CallOptions = {}): Promise<ScheduleView> {
    return this.transport.send('POST', this.root, { ...options, body: schedule })
  }

  /** Everything but `enabled` is as it is given here, or as it is for a new one. */
  update(id: string, schedule: NewSchedule, options: CallOptions = {}): Promise<ScheduleView> {
    return this.transport.send('PUT', this.at(id), { ...options, body: schedule })
  }

  /** Its jobs go on. */
  delete(id: string, options: CallOptions = {}): Promise<ScheduleView> {
    return this.transport.send('DELETE', this.at(id), options)
  }

  enable(id: string, options: CallOptions = {}): Promise<ScheduleView> {
    return this.transport.send('POST', `${this.at(id)}/enable`, { ...options, repeatable: true })
  }

  /** With a note for whoever wonders why. */
  disable(id: string, options: CallOptions & { readonly note?: string | undefined } = {}): Promise<ScheduleView> {
    const { note, ...rest } = options
    return this.transport.send('POST', `${this.at(id)}/disable`, { ...rest, body: { note }, repeatable: true })
  }

  /** A job now, whether or not it is enabled. */
  trigger(id: string, options: CallOptions = {}): Promise<JobSummary> {
    return this.transport.send('POST', `${this.at(id)}/trigger`, options)
  }
}

/** API keys. */
export class Keys extends Resource {
  list(options: CallOptions = {}): AsyncGenerator<KeyView, void, undefined> {
    return this.transport.list(this.root, {}, options)
  }

  /** The key is in the answer, this once. */
  create(key: NewKey, options: CallOptions = {}): Promise<NewKeyView> {
    return this.transport.send('POST', this.root, { ...options, body: key })
  }

  /** Ends its connections at once. */
  revoke(id: string, options: CallOptions = {}): Promise<KeyView> {
    return this.transport.send('DELETE', this.at(id), options)
  }
}

/** Robots under a name. */
export class Pools extends Resource {
  list(options: CallOptions = {}): AsyncGenerator<PoolView, void, undefined> {
    return this.transport.list(this.root, {}, options)
  }

  create(pool: NewPool, options: CallOptions = {}): Promise<PoolView> {
    return this.transport.send('POST', this.root, { ...options, body: pool })
  }
}

/** Counts, as they are just now. */
export class Stats extends Resource {
  queue(options: CallOptions = {}): Promise<QueueStats> {
    return this.transport.send('GET', `${this.root}/queue`, options)
  }

  dispatcher(options: CallOptions = {}): Promise<DispatcherStats> {
    return this.transport.send('GET', `${this.root}/dispatcher`, options)
  }
}
