import { hashOf } from '../../../adapters/crypto/secrets.ts'
import type { DefinitionHash, JobId, KeyId, RobotId, WorkflowId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { Chance } from '../world/chance.ts'
import type { Truth } from '../truth/truth.ts'
import type { SimRobot } from './robot.ts'
import { Requests } from './requests.ts'
import type { Server } from '../world/server.ts'
import type { World } from '../world/world.ts'
import type { ControlRequested } from '../../../core/events/robots.ts'
import { demand } from '../violation.ts'
import { definition, FLOWS, POOL, POOL_TAGS } from '../world/givens.ts'

/** Nobody waits for a job that is to run later than that. */
const FAR_MS = 3_600_000

type Limit = number | null

export interface OperatorsOptions {
  readonly world: World
  readonly truth: Truth
  readonly server: Server
  readonly robots: readonly SimRobot[]
}

/** Operators: they cancel and retry jobs, send robots away, and change limits. */
export class Operators {
  readonly #options: OperatorsOptions
  readonly #chance: Chance
  readonly #requests: Requests

  constructor(options: OperatorsOptions) {
    this.#options = options
    this.#chance = options.world.chance('people')
    this.#requests = new Requests('people', options, this.#chance)
  }

  /** Calls off a job: mostly one that lives, sometimes one that has ended, or never was. */
  cancel(): void {
    const { truth } = this.#options
    const which = this.#chance.happens(0.85) ? truth.live.keys() : truth.jobs.keys()
    this.#cancel(this.#chance.pick([...which]) ?? 'job-never' as JobId)
  }

  /** Cancels jobs that are scheduled in a year, because the clock was ahead when they were made. */
  cancelFarOff(): void {
    const { truth, server } = this.#options
    for (const job of truth.liveJobs()) {
      if ((job.ready_at ?? 0) <= server.clock() + FAR_MS) continue
      truth.cancelRequested.add(job.id)
      this.#requests.untilAnswered((reply) => ({
        type: 'cancel.requested',
        reply,
        job: job.id,
        by: 'people',
        reason: 'not wanted',
      }))
    }
  }

  cancelStorm(): void {
    for (const job of this.#options.truth.live) if (this.#chance.happens(0.7)) this.#cancel(job)
  }

  #cancel(job: JobId): void {
    const { truth, world } = this.#options
    const before = truth.jobs.get(job)
    truth.cancelRequested.add(job)
    world.note(`operators: cancel ${job}, which is ${before?.status}`)
    this.#requests.once(
      (reply) => ({ type: 'cancel.requested', reply, job, by: 'people', reason: 'not wanted' }),
      (answer) => {
        const row = truth.jobs.get(job)
        if (answer.type === 'job') {
          demand(row?.status === 'cancelled', 'I30', () => `job ${job} was cancelled, they said, and is ${row?.status}`)
          if (row.stop_until !== null) world.mark('slot held by a cancelled job')
        } else if (answer.type === 'refusal' && answer.refusal.refused === 'CONFLICT') {
          const ended = row !== undefined && row.completed_at !== null
          demand(ended, 'I30', () => `job ${job} could not be cancelled and is ${row?.status}`)
        }
      },
    )
  }

  /** Has a job run again, or deals with a dead letter. */
  retry(): void {
    const { truth, world } = this.#options
    const ended = [...truth.jobs.values()].filter(({ completed_at }) => completed_at !== null)
    const dead = ended.filter(({ dead_lettered }) => dead_lettered)
    const mode = this.#chance.happens(0.7) ? 'requeue' : 'retry'
    const job = this.#chance.pick(mode === 'requeue' && dead.length > 0 ? dead : ended)
    const json = job === undefined ? undefined : truth.disk.tables.definitions.get(job.definition)?.json
    if (job === undefined || json === undefined) return
    this.#repeat(job, mode, { hash: job.definition, json })
    // Twice in one breath, as people do who see nothing happen.
    if (this.#chance.happens(0.3)) this.#repeat(job, mode, { hash: job.definition, json })
    world.note(`operators: ${mode} ${job.id}, which is ${job.status}`)
  }

  #repeat(job: JobRow, mode: 'retry' | 'requeue', runs: { hash: DefinitionHash; json: string }): void {
    const { truth, world } = this.#options
    const newJob = `again-${this.#requests.next()}-${job.id}`.slice(0, 60) as JobId
    truth.requests.set(newJob, { job: newJob, trigger: null, submission: null, retryOf: { job: job.id, mode } })
    const by = 'people'
    this.#requests.once(
      (reply) => ({
        type: 'retry.requested',
        reply,
        job: job.id,
        mode,
        new_job: newJob,
        by,
        key: null,
        definition: runs,
      }),
      (answer) => {
        if (answer.type === 'job') {
          truth.acknowledged.add(newJob)
          world.mark(mode === 'retry' ? 'retry of a job that has ended' : 'requeue of a dead letter')
        } else if (answer.type === 'refusal' && answer.refusal.refused !== 'UNAVAILABLE') {
          truth.refused.add(newJob)
          demand(!truth.jobs.has(newJob), 'I3', () => `${newJob} was refused and is on the disk`)
        }
      },
    )
  }

  /** Asks a robot to pause, to resume, or to shut down. */
  control(): void {
    const robot = this.#chance.pick(this.#options.robots)
    if (robot === undefined) return
    this.#control(robot.id, this.#chance.pick(['pause', 'resume', 'resume', 'shutdown']), this.#chance.happens(0.7))
  }

  #control(robot: RobotId, control: ControlRequested['control'], graceful = true): void {
    const { truth, world } = this.#options
    const number = this.#requests.next()
    truth.lastControls.set(robot, null)
    this.#last.set(robot, number)
    world.note(`operators: ${control} ${robot}`)
    this.#requests.once((reply) => ({ type: 'control.requested', reply, robot, control, graceful }), (answer) => {
      if (answer.type === 'robot' && this.#last.get(robot) === number) truth.lastControls.set(robot, control)
    })
  }
  readonly #last = new Map<RobotId, number>()

  /** Requests the status of a robot. There must be an answer of some kind. */
  requestStatus(): void {
    const robot = this.#chance.pick(this.#options.robots)
    if (robot === undefined) return
    const { truth, server, world } = this.#options
    const asked = truth.time.now()
    this.#requests.once((reply) => ({ type: 'status.requested', reply, robot: robot.id }), (answer) => {
      if (answer.type === 'refusal' && answer.refusal.refused === 'TIMEOUT') world.mark('status request timed out')
      const late = truth.time.now() - Math.max(asked, truth.time.steadySince)
      demand(late <= server.settings.statusMs + 60_000, 'L1', () => `a status request was answered after ${late} ms`)
    })
  }

  /** Lets more or fewer jobs of a workflow, or of the pool, run at a time. */
  changeLimit(): void {
    const limit = this.#chance.pick([null, 1, 1, 2, 3, 5])
    if (this.#chance.happens(0.3)) return this.#savePool(limit)
    this.#saveWorkflow(this.#chance.pick(FLOWS) as string as WorkflowId, limit)
  }

  #savePool(maxConcurrent: Limit): void {
    this.#requests.untilAnswered((reply) => ({
      type: 'pool.saved',
      reply,
      name: POOL,
      tags: POOL_TAGS,
      max_concurrent: maxConcurrent,
      workflows: [],
    }))
  }

  #saveWorkflow(workflow: WorkflowId, maxConcurrent: Limit): void {
    this.#options.world.note(`operators: at most ${maxConcurrent} of ${workflow}`)
    this.#requests.untilAnswered((reply) => ({
      type: 'workflow.saved',
      reply,
      workflow,
      mode: 'update',
      by: 'people',
      name: workflow,
      description: '',
      tags: [],
      max_concurrent: maxConcurrent,
      definition: definition(workflow),
    }))
  }

  /** Takes a robot's key away, and gives it another after a while. */
  revokeKey(): void {
    const robot = this.#chance.pick(this.#options.robots)
    if (robot === undefined || this.#keyless.has(robot)) return
    const { truth, world } = this.#options
    const key = this.#keys.get(robot.id) ?? `key-${robot.id}` as KeyId
    truth.revoked.add(robot.id)
    this.#keyless.add(robot)
    world.note(`operators: revoke ${key}`)
    this.#requests.untilAnswered((reply) => ({ type: 'key.revoked', reply, key }), () => {
      world.mark('key revoked')
      world.after(this.#chance.spread(1_000, 600_000), () => this.#giveKey(robot))
    })
  }
  readonly #keys = new Map<RobotId, KeyId>()
  readonly #keyless = new Set<SimRobot>()

  #giveKey(robot: SimRobot): void {
    const key = `key-${robot.id}-${this.#requests.next()}` as KeyId
    const secret = `crpa_${key}`
    this.#requests.untilAnswered((reply) => ({
      type: 'key.created',
      reply,
      key,
      name: key,
      secret: hashOf(secret),
      scopes: ['robots:connect'],
      robot: robot.id,
    }), () => {
      this.#keys.set(robot.id, key)
      this.#keyless.delete(robot)
      robot.changeKey(secret)
    })
  }

  /** Faults are over: all robots are to work, as much as they can. */
  restore(): void {
    this.#resumeAll()
    for (const flow of FLOWS) this.#saveWorkflow(flow as string as WorkflowId, 5)
    this.#savePool(null)
  }

  /** Once, when faults are over: the orchestrator must resend a command that is lost with its connection (L6). */
  #resumeAll(): void {
    for (const robot of this.#options.robots) {
      const { id } = robot
      const { robots, lastControls } = this.#options.truth
      const mode = robots.get(id)?.mode
      // A recent command may still be under way.
      const settled = lastControls.get(id) !== null
      if (settled && robot.refusalReason === null && (mode === 'active' || mode === 'resuming')) continue
      lastControls.set(id, null)
      // Its answer, if it is yet to come, is no longer the last word.
      this.#last.set(id, this.#requests.next())
      this.#requests.untilAnswered((reply) => ({
        type: 'control.requested',
        reply,
        robot: id,
        control: 'resume',
        graceful: true,
      }))
    }
  }
}
