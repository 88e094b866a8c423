import type { MemoryDisk } from '../../adapters/store/memory.ts'
import type { Effects } from '../../core/effects.ts'
import type { Event, Submitted } from '../../core/event.ts'
import type { JobId, Millis, RobotId, SocketId, TriggerId } from '../../core/ids.ts'
import type { HistoryRow, JobRow } from '../../core/job.ts'
import type { Message, MessageId } from '../../core/protocol/message.ts'
import type { RobotRow } from '../../core/state.ts'

/** What a robot really did with one attempt of a job, whatever it managed to say about it. */
export interface Truth {
  started: boolean
  running: boolean
  refused: boolean
  stopped: boolean
  progress: number
  /** How it really ended: the result, or the error. */
  completed: string | null
  failed: string | null
}

/** What a client asked for: all fields of a submission, or those that a webhook settles. */
export interface Asked {
  readonly job: JobId
  readonly trigger: TriggerId | null
  readonly order: Omit<Submitted, 'type' | 'reply'> | null
}

/** What reached the server from a robot, and in which turn at the earliest it was acted upon. */
export interface Heard {
  /** On the server's clock. */
  at: Millis
  /** The robot's word for itself, and how many commits had been asked for when it came. */
  status: string
  statusCommit: number
  /** The connection on which it registered last. */
  socket: SocketId | null
  registers: { readonly payload: Message<'register'>['payload']; readonly commit: number }[]
}

/**
 * How many commits may have been asked for between the arrival of a frame and the end of the last turn that was begun
 * without it: one was under way, and one had taken its events and was fetching rows.
 */
export const COMMITS_BEHIND = 3

/** One transaction as it was found on the disk. */
export interface Change {
  readonly at: Millis
  readonly jobs: readonly { readonly before: JobRow | undefined; readonly after: JobRow }[]
  readonly history: readonly HistoryRow[]
}

/**
 * What the simulation knows by itself, without asking the program that it tests: what the disk has held, what clients
 * asked for and were told, what robots were told, and what they really did. Invariants compare the program with this.
 */
export class Ledger {
  readonly disk: MemoryDisk
  /** The disk as it was found after each commit. */
  readonly jobs = new Map<JobId, JobRow>()
  readonly live = new Set<JobId>()
  readonly robots = new Map<RobotId, RobotRow>()
  readonly histories = new Map<JobId, HistoryRow[]>()

  readonly asked = new Map<JobId, Asked>()
  readonly acknowledged = new Set<JobId>()
  readonly refused = new Set<JobId>()

  /** Which robot really is at the other end of a socket. */
  readonly owners = new Map<SocketId, RobotId>()
  readonly heard = new Map<RobotId, Heard>()
  /** On which connection a message came that has not been answered. */
  readonly unanswered = new Map<MessageId, SocketId>()
  /** The robots that do not echo attempts. */
  readonly anonymous = new Set<RobotId>()
  /** Who was really given an attempt of a job: by `job attempt`. */
  readonly given = new Map<string, RobotId>()
  readonly #truths = new Map<string, Truth>()

  /** How many commits were asked for so far, in all lives of the server. */
  commits = 0
  /** The last instant on the server's clock, and since when the server has run without a stall or a jump. */
  latest: Millis = 0
  steadySince: Millis = 0

  constructor(disk: MemoryDisk) {
    this.disk = disk
  }

  truth(robot: RobotId, job: JobId, attempt: number): Truth {
    const key = `${robot} ${job} ${attempt}`
    let truth = this.#truths.get(key)
    if (truth === undefined) {
      truth = {
        started: false,
        running: false,
        refused: false,
        stopped: false,
        progress: 0,
        completed: null,
        failed: null,
      }
      this.#truths.set(key, truth)
    }
    return truth
  }

  /** Whether the robot is really at work on it just now. */
  runs(robot: RobotId, job: JobId, attempt: number): boolean {
    return this.#truths.get(`${robot} ${job} ${attempt}`)?.running === true
  }

  /** An event reaches the server, at this instant on its clock. */
  pushed(event: Event, at: Millis): void {
    if (event.type !== 'robot.said' && event.type !== 'robot.garbled') return
    const robot = this.owners.get(event.socket)
    if (robot === undefined) return
    const heard = this.#heardOf(robot)
    heard.at = at
    if (event.type !== 'robot.said') return
    const { message } = event
    if (message.id !== undefined) this.unanswered.set(message.id, event.socket)
    if (!('robot_id' in message.payload) || message.payload.robot_id !== robot) return
    if (message.type === 'register') {
      heard.registers = [...heard.registers.slice(-5), { payload: message.payload, commit: this.commits }]
      heard.socket = event.socket
      heard.status = 'online'
      heard.statusCommit = this.commits
    } else if (event.socket === heard.socket && 'status' in message.payload) {
      if (heard.status !== message.payload.status) heard.statusCommit = this.commits
      heard.status = message.payload.status
    }
  }

  /** A transaction is on the disk. Reads back what it wrote, and says how that differs from what was there. */
  committed(out: Effects, at: Millis): Change {
    const { tables } = this.disk
    for (const id of out.rows.robots.keys()) {
      const robot = tables.robots.get(id)
      if (robot !== undefined) this.robots.set(id, robot)
    }
    const jobs = [...out.rows.jobs.keys()].flatMap((id) => {
      const after = tables.jobs.get(id)
      if (after === undefined) return []
      const before = this.jobs.get(id)
      this.jobs.set(id, after)
      if (after.completed_at === null) this.live.add(id)
      else this.live.delete(id)
      return [{ before, after }]
    })
    const history = out.history.flatMap((entry) => tables.job_history.get(String(entry.seq)) ?? [])
    for (const entry of history) {
      const entries = this.histories.get(entry.job_id)
      if (entries === undefined) this.histories.set(entry.job_id, [entry])
      else entries.push(entry)
    }
    return { at, jobs, history }
  }

  /** What the robot may have been registered with in the last turn: one registration, or several in quick order. */
  shapesOf(robot: RobotId): readonly Message<'register'>['payload'][] {
    const registers = this.heard.get(robot)?.registers ?? []
    const recent = registers.filter(({ commit }) => commit >= this.commits - COMMITS_BEHIND)
    const former = registers.at(-1 - recent.length)
    return [...(former === undefined ? [] : [former]), ...recent].map(({ payload }) => payload)
  }

  /** The jobs that hold a slot of the robot, counted from the rows: offers and leases. */
  heldBy(robot: RobotId): JobRow[] {
    return this.liveJobs().filter((job) =>
      job.robot_id === robot && (job.status === 'running' || (job.status === 'queued' && job.offer_until !== null))
    )
  }

  liveJobs(): JobRow[] {
    return [...this.live].flatMap((id) => this.jobs.get(id) ?? [])
  }

  #heardOf(robot: RobotId): Heard {
    let heard = this.heard.get(robot)
    if (heard === undefined) {
      heard = { at: 0, socket: null, status: 'online', statusCommit: 0, registers: [] }
      this.heard.set(robot, heard)
    }
    return heard
  }
}
