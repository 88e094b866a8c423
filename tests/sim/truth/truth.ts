import type { Effects } from '../../../core/turn.ts'
import type { Event } from '../../../core/events/index.ts'
import type { JobId, Millis, RobotId, ScheduleId, SocketId, TriggerId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { Settings } from '../../../core/settings.ts'
import type { Message, MessageId } from '../../../core/protocol/message.ts'
import type { ScheduleRow, ScheduleSpec } from '../../../core/records/schedule.ts'
import type { Change } from './change.ts'
import type { Received } from './received.ts'
import { ReportTruth } from './report-truth.ts'
import type { TrueTime } from './true-time.ts'
import { WebhookTruth } from './webhook-truth.ts'
import { ChainTruth } from './chain-truth.ts'
import { type Execution, newExecution } from './execution.ts'
import type { JobRequest } from './job-request.ts'
import type { RobotRow } from '../../../core/records/robot.ts'
import type { MemoryDisk } from '../../../adapters/store/memory-disk.ts'
import type { ScheduleTruth } from './schedule-truth.ts'
import type { RequestedLimit } from './requested-limit.ts'
import type { HistoryRow } from '../../../core/records/job-history.ts'

/**
 * Everything that the simulation knows without asking the tested program: the content of the disk, the requests and
 * answers of clients, the messages to robots, and what robots really did. Rules compare the program with this.
 */
export class Truth {
  readonly disk: MemoryDisk
  /** The disk as it was found after each commit. */
  readonly jobs = new Map<JobId, JobRow>()
  /** Jobs that have not ended, and with them those whose robot has yet to stop. */
  readonly live = new Set<JobId>()
  readonly unfinished = new Map<JobId, JobRow>()
  /** Of these the ones that hold a slot of each robot. */
  readonly held = new Map<RobotId, Map<JobId, JobRow>>()
  readonly robots = new Map<RobotId, RobotRow>()
  readonly histories = new Map<JobId, HistoryRow[]>()
  readonly webhooks = new WebhookTruth()
  readonly chains = new ChainTruth()

  /** The settings of each schedule by its users, and our knowledge of it. */
  readonly plans = new Map<ScheduleId, readonly ScheduleSpec[]>()
  readonly schedules = new Map<ScheduleId, ScheduleTruth>()

  readonly requests = new Map<JobId, JobRequest>()
  readonly acknowledged = new Set<JobId>()
  readonly refused = new Set<JobId>()
  /** The first answer to each idempotency key. */
  readonly firstAnswers = new Map<string, { readonly fingerprint: string; readonly job: JobRow }>()
  /** Jobs whose cancellation was requested. */
  readonly cancelRequested = new Set<JobId>()
  /** Robots that had a key revoked. */
  readonly revoked = new Set<RobotId>()
  /** The last confirmed command to each robot; null while it is uncertain. */
  readonly lastControls = new Map<RobotId, 'pause' | 'resume' | 'shutdown' | null>()
  /** Robots that must get a request to stop a job before the next turn: `socket job`. */
  readonly cancelsDue = new Set<string>()
  /** Connections that the server has closed: later frames on them belong to no robot. */
  readonly closedByServer = new Set<SocketId>()
  /** Connections on which a robot's registration was confirmed, and that have not been closed since. */
  readonly current = new Map<RobotId, SocketId>()
  /** The number of messages about each job, and the number that is accounted for. */
  readonly messageCounts = new Map<JobId, { sent: number; reasons: number }>()
  /** The number of frames on each connection, and the arrival of the last one at the machine, read or not. */
  readonly frames = new Map<SocketId, number>()
  readonly arrived = new Map<SocketId, Millis>()
  /** The number of events, and the number when the last commit was judged. */
  events = 0
  eventsSeen = 0
  checked = 0
  /** By connection: the instant of its last frame, and the number of renewals. */
  readonly leases = new Map<SocketId, { readonly heardAt: Millis; readonly renewals: number }>()
  /** The last line that was kept: by `robot job`. */
  readonly lines = new Map<string, number>()
  /** The instants of refused offers, in the last hour. */
  readonly refusals: Millis[] = []
  readonly byIdempotency = new Map<string, Set<JobId>>()
  /** The names of the limits of each job. */
  readonly limitNames = new Map<JobId, string[]>()
  /** Limits as they were before the last turn, by name. */
  readonly limits = new Map<string, number>()
  /** And what people asked for lately: one turn may change a limit twice. */
  readonly requestedLimits = new Map<string, RequestedLimit>()
  readonly fired = new Map<TriggerId, Millis>()
  /** The job that each delivery of a webhook made. */
  readonly delivered = new Map<string, JobId>()
  /** The instants at which jobs were made, by limit: a key or a trigger. */
  readonly made = new Map<string, Millis[]>()
  /** The instants of answered heartbeats of each robot, as long as the process remembers them. */
  readonly countedMessages = new Map<RobotId, Millis[]>()
  /** The robot that really is at the other end of a socket. */
  readonly owners = new Map<SocketId, RobotId>()
  readonly received = new Map<RobotId, Received>()
  /** On which connection each message came, and of which kind it was. Heartbeats are forgotten when they are answered. */
  readonly origins = new Map<
    MessageId,
    { readonly socket: SocketId; readonly type: string; readonly counts: boolean }
  >()
  readonly reports: ReportTruth
  /** The number of times that robots have really started each job. */
  readonly starts = new Map<JobId, number>()
  /** The robot that was really given an offer of a job: by `job offer`. */
  readonly assignedTo = new Map<string, RobotId>()
  readonly #executions = new Map<string, Execution>()

  /** The number of commits requested so far, in all lives of the server. */
  commits = 0
  /** All instants here are of it, but for those in rows. */
  readonly time: TrueTime

  /** The configured settings, before any mutation. */
  readonly settings: Settings
  /** True if everything is recounted after every commit. */
  readonly strict: boolean
  /** The most commits that the server may have under way. */
  readonly commitsMax: number
  /**
   * The number of commits that may be requested between the arrival of a frame and the end of the last turn that began
   * without it: those that were under way, one that had taken its events and was fetching rows, and those that were
   * requested while it was under way itself.
   */
  readonly commitsBehind: number

  constructor(disk: MemoryDisk, settings: Settings, strict: boolean, time: TrueTime, commitsMax: number) {
    this.commitsMax = commitsMax
    this.commitsBehind = commitsMax + 2
    this.reports = new ReportTruth(this.commitsBehind)
    this.disk = disk
    this.time = time
    this.settings = settings
    this.strict = strict
  }

  execution(robot: RobotId, job: JobId, offer: number): Execution {
    const key = `${robot} ${job} ${offer}`
    let execution = this.#executions.get(key)
    if (execution === undefined) {
      execution = newExecution()
      this.#executions.set(key, execution)
    }
    return execution
  }

  /** True if the robot is really running it now. */
  runs(robot: RobotId, job: JobId, offer: number): boolean {
    return this.#executions.get(`${robot} ${job} ${offer}`)?.running === true
  }

  /** An event reaches the server. */
  pushed(event: Event): void {
    this.events++
    if (event.type === 'cancel.requested') this.messageCountOf(event.job).reasons++
    if (event.type !== 'robot.message' && event.type !== 'robot.malformed') return
    this.frames.set(event.socket, (this.frames.get(event.socket) ?? 0) + 1)
    const robot = this.owners.get(event.socket)
    if (robot === undefined || this.closedByServer.has(event.socket)) return
    const received = this.#receivedFrom(robot)
    received.at = this.time.now()
    if (event.type !== 'robot.message') return
    const { message } = event
    if ('job_id' in message.payload) this.messageCountOf(message.payload.job_id).reasons++
    // A robot that registers anew gets all requests to stop again.
    if (message.type === 'register') { for (const job of this.heldBy(robot)) this.messageCountOf(job.id).reasons++ }
    const counts = this.reports.counts(robot, message.type, this.commits)
    if (message.id !== undefined) this.origins.set(message.id, { socket: event.socket, type: message.type, counts })
    if (!('robot_id' in message.payload) || message.payload.robot_id !== robot) return
    if (message.type === 'register') {
      received.registers = [...received.registers.slice(-12), { payload: message.payload, commit: this.commits }]
      received.socket = event.socket
      received.status = 'online'
      received.statusCommit = this.commits
    } else if (event.socket === received.socket && 'status' in message.payload) {
      if (received.status !== message.payload.status) received.statusCommit = this.commits
      received.status = message.payload.status
      this.reports.reported(robot, message.payload, this.commits)
    }
  }

  /**
   * A transaction is on the disk. Reads back what it wrote, and says how that differs from what was there. Where the clock
   * was set in it, the rows that are known have gone along already.
   */
  committed(out: Effects): Change {
    const { tables } = this.disk
    const robots: Change['robots'][number][] = []
    for (const id of out.rows.robots.keys()) {
      const [before, after] = [this.robots.get(id), tables.robots.get(id)]
      if (after === undefined) continue
      this.robots.set(id, after)
      robots.push({ before, after })
    }
    const jobs: Change['jobs'][number][] = []
    for (const id of out.rows.jobs.keys()) {
      const after = tables.jobs.get(id)
      if (after === undefined) continue
      const before = this.jobs.get(id)
      this.time.written(after, before, out.at)
      this.jobs.set(id, after)
      if (after.completed_at === null) this.live.add(id)
      else this.live.delete(id)
      if (after.completed_at === null || after.stop_until !== null) this.unfinished.set(id, after)
      else this.unfinished.delete(id)
      this.#hold(before, after)
      jobs.push({ before, after })
    }
    const history = out.history.flatMap((entry) => tables.job_history.get(String(entry.seq)) ?? [])
    for (const entry of history) {
      this.time.entered(entry)
      const entries = this.histories.get(entry.job_id)
      if (entries === undefined) this.histories.set(entry.job_id, [entry])
      else entries.push(entry)
    }
    const logs = out.logs.flatMap((line) => tables.job_logs.get(String(line.seq)) ?? [])
    const limits: Change['limits'][number][] = []
    for (const workflow of out.rows.workflows.values()) limits.push({ workflow })
    for (const pool of out.rows.pools.values()) limits.push({ pool })
    const schedules = new Map<ScheduleId, ScheduleRow | undefined>()
    for (const id of out.rows.schedules.keys()) schedules.set(id, tables.schedules.get(id))
    for (const id of out.deletions.schedules) schedules.set(id, tables.schedules.get(id))
    for (const schedule of schedules.values()) if (schedule !== undefined) limits.push({ schedule })
    const scheduleRuns = out.scheduleRuns.flatMap((row) => tables.schedule_runs.get(String(row.seq)) ?? [])
    const webhooks = this.webhooks.committed(out, tables)
    const chains = this.chains.committed(out, tables, this.commits)
    const at = Math.max(this.time.inRows(), out.at)
    return {
      at,
      elapsed: this.time.now(),
      turnAt: out.at,
      set: out.clockChange?.by ?? 0,
      jobs,
      history,
      logs,
      robots,
      limits,
      schedules,
      scheduleRuns,
      webhooks,
      chains,
    }
  }

  /** The registrations that may count for the last turn: one, or several in quick order. */
  shapesOf(robot: RobotId): readonly Message<'register'>['payload'][] {
    const registers = this.received.get(robot)?.registers ?? []
    const recent = registers.filter(({ commit }) => commit >= this.commits - this.commitsBehind)
    const former = registers.at(-1 - recent.length)
    return [...(former === undefined ? [] : [former]), ...recent].map(({ payload }) => payload)
  }

  /** Records an answered message that counts. */
  messageCounted(robot: RobotId): void {
    const times = this.countedMessages.get(robot)
    if (times === undefined) this.countedMessages.set(robot, [this.time.now()])
    else {
      times.push(this.time.now())
      if (times.length > 400) times.splice(0, 200)
    }
  }

  messageCountOf(job: JobId): { sent: number; reasons: number } {
    let count = this.messageCounts.get(job)
    if (count === undefined) this.messageCounts.set(job, count = { sent: 0, reasons: 0 })
    return count
  }

  /** The jobs that hold a slot of the robot, as the rows say. */
  heldBy(robot: RobotId): readonly JobRow[] {
    return [...this.held.get(robot)?.values() ?? []]
  }

  #hold(before: JobRow | undefined, after: JobRow): void {
    if (before !== undefined && before.robot_id !== null && holdsSlot(before)) {
      this.held.get(before.robot_id)?.delete(before.id)
    }
    if (after.robot_id === null || !holdsSlot(after)) return
    const held = this.held.get(after.robot_id)
    if (held === undefined) this.held.set(after.robot_id, new Map([[after.id, after]]))
    else held.set(after.id, after)
  }

  liveJobs(): readonly JobRow[] {
    return [...this.unfinished.values()].filter(({ completed_at }) => completed_at === null)
  }

  #receivedFrom(robot: RobotId): Received {
    let received = this.received.get(robot)
    if (received === undefined) {
      received = { at: 0, socket: null, status: 'online', statusCommit: 0, registers: [] }
      this.received.set(robot, received)
    }
    return received
  }
}

/** DESIGN 5.1: offers, leases, and what has ended and not been seen to stop. */
export function holdsSlot(job: JobRow): boolean {
  return job.status === 'running' || job.offer_until !== null || job.stop_until !== null
}
