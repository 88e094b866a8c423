import { hashOf } from '../../adapters/secret.ts'
import type { Answer } from '../../core/effects.ts'
import type { ControlRequested, Event } from '../../core/event.ts'
import type { DefinitionHash, JobId, KeyId, ReplyId, RobotId, WorkflowId } from '../../core/ids.ts'
import type { JobRow } from '../../core/job.ts'
import { definition, FLOWS, POOL, POOL_TAGS } from './client.ts'
import type { Dice } from './dice.ts'
import type { Ledger } from './ledger.ts'
import type { SimRobot } from './robot.ts'
import { demand } from './rule.ts'
import type { Server } from './server.ts'
import type { World } from './world.ts'

/** Nobody waits for a job that is to run later than that. */
const FAR_MS = 3_600_000

type Request = Event & { readonly reply: ReplyId }
type Limit = number | null

export interface PeopleOptions {
  readonly world: World
  readonly ledger: Ledger
  readonly server: Server
  readonly robots: readonly SimRobot[]
}

/** Those who run the place: they call jobs off, have them run again, send robots away, and change limits. */
export class People {
  readonly #options: PeopleOptions
  readonly #dice: Dice
  #requests = 0

  constructor(options: PeopleOptions) {
    this.#options = options
    this.#dice = options.world.dice('people')
  }

  /** Calls off a job: mostly one that lives, sometimes one that has ended, or never was. */
  cancel(): void {
    const { ledger } = this.#options
    const which = this.#dice.chance(0.85) ? ledger.live.keys() : ledger.jobs.keys()
    this.#callOff(this.#dice.pick([...which]) ?? 'job-never' as JobId)
  }

  /** What is to run in a year by a clock that was put right since is not waited for. */
  callOffFar(): void {
    const { ledger, server } = this.#options
    for (const job of ledger.liveJobs()) {
      if ((job.ready_at ?? 0) <= server.clock() + FAR_MS) continue
      ledger.calledOff.add(job.id)
      this.#insist((reply) => ({ type: 'cancel.requested', reply, job: job.id, by: 'people', reason: 'not wanted' }))
    }
  }

  cancelStorm(): void {
    for (const job of this.#options.ledger.live) if (this.#dice.chance(0.7)) this.#callOff(job)
  }

  #callOff(job: JobId): void {
    const { ledger, world } = this.#options
    const before = ledger.jobs.get(job)
    ledger.calledOff.add(job)
    world.note(`people: cancel ${job}, which is ${before?.status}`)
    this.#ask((reply) => ({ type: 'cancel.requested', reply, job, by: 'people', reason: 'not wanted' }), (answer) => {
      const row = ledger.jobs.get(job)
      if (answer.type === 'job') {
        demand(row?.status === 'cancelled', 'I30', () => `job ${job} was cancelled, they said, and is ${row?.status}`)
        if (row.stop_until !== null) world.mark('slot held by a cancelled job')
      } else if (answer.type === 'refusal' && answer.refusal.refused === 'CONFLICT') {
        const ended = row !== undefined && row.completed_at !== null
        demand(ended, 'I30', () => `job ${job} could not be cancelled and is ${row?.status}`)
      }
    })
  }

  /** Has a job run again, or deals with a dead letter. */
  retry(): void {
    const { ledger, world } = this.#options
    const ended = [...ledger.jobs.values()].filter(({ completed_at }) => completed_at !== null)
    const dead = ended.filter(({ dead_lettered }) => dead_lettered)
    const mode = this.#dice.chance(0.7) ? 'requeue' : 'retry'
    const job = this.#dice.pick(mode === 'requeue' && dead.length > 0 ? dead : ended)
    const json = job === undefined ? undefined : ledger.disk.tables.definitions.get(job.definition)?.json
    if (job === undefined || json === undefined) return
    this.#repeat(job, mode, { hash: job.definition, json })
    // Twice in one breath, as people do who see nothing happen.
    if (this.#dice.chance(0.3)) this.#repeat(job, mode, { hash: job.definition, json })
    world.note(`people: ${mode} ${job.id}, which is ${job.status}`)
  }

  #repeat(job: JobRow, mode: 'retry' | 'requeue', runs: { hash: DefinitionHash; json: string }): void {
    const { ledger, world } = this.#options
    const newJob = `again-${++this.#requests}-${job.id}`.slice(0, 60) as JobId
    ledger.asked.set(newJob, { job: newJob, trigger: null, order: null, retryOf: { job: job.id, mode } })
    const by = 'people'
    this.#ask(
      (reply) => ({ type: 'retry.requested', reply, job: job.id, mode, newJob, by, key: null, definition: runs }),
      (answer) => {
        if (answer.type === 'job') {
          ledger.acknowledged.add(newJob)
          world.mark(mode === 'retry' ? 'retry of a job that has ended' : 'requeue of a dead letter')
        } else if (answer.type === 'refusal' && answer.refusal.refused !== 'UNAVAILABLE') {
          ledger.refused.add(newJob)
          demand(!ledger.jobs.has(newJob), 'I3', () => `${newJob} was refused and is on the disk`)
        }
      },
    )
  }

  /** Tells a robot to pause, to go on, or to shut down. */
  control(): void {
    const robot = this.#dice.pick(this.#options.robots)
    if (robot === undefined) return
    this.#tell(robot.id, this.#dice.pick(['pause', 'resume', 'resume', 'shutdown']), this.#dice.chance(0.7))
  }

  #tell(robot: RobotId, control: ControlRequested['control'], graceful = true): void {
    const { ledger, world } = this.#options
    const number = ++this.#requests
    ledger.told.set(robot, null)
    this.#last.set(robot, number)
    world.note(`people: ${control} ${robot}`)
    this.#ask((reply) => ({ type: 'control.requested', reply, robot, control, graceful }), (answer) => {
      if (answer.type === 'robot' && this.#last.get(robot) === number) ledger.told.set(robot, control)
    })
  }
  readonly #last = new Map<RobotId, number>()

  /** Wants to know how a robot is. The answer comes, whatever it is. */
  askStatus(): void {
    const robot = this.#dice.pick(this.#options.robots)
    if (robot === undefined) return
    const { ledger, server, world } = this.#options
    const asked = ledger.time.now()
    this.#ask((reply) => ({ type: 'status.requested', reply, robot: robot.id }), (answer) => {
      if (answer.type === 'refusal' && answer.refusal.refused === 'TIMEOUT') world.mark('status request timed out')
      const late = ledger.time.now() - Math.max(asked, ledger.time.steadySince)
      demand(late <= server.settings.statusMs + 60_000, 'L1', () => `a status request was answered after ${late} ms`)
    })
  }

  /** Lets more or fewer jobs of a workflow, or of the pool, run at a time. */
  changeLimit(): void {
    const limit = this.#dice.pick([null, 1, 1, 2, 3, 5])
    if (this.#dice.chance(0.3)) return this.#savePool(limit)
    this.#saveWorkflow(this.#dice.pick(FLOWS) as string as WorkflowId, limit)
  }

  #savePool(maxConcurrent: Limit): void {
    this.#insist((reply) => ({ type: 'pool.saved', reply, name: POOL, tags: POOL_TAGS, maxConcurrent, workflows: [] }))
  }

  #saveWorkflow(workflow: WorkflowId, maxConcurrent: Limit): void {
    this.#options.world.note(`people: at most ${maxConcurrent} of ${workflow}`)
    this.#insist((reply) => ({
      type: 'workflow.saved',
      reply,
      workflow,
      mode: 'update',
      by: 'people',
      name: workflow,
      description: '',
      tags: [],
      maxConcurrent,
      definition: definition(workflow),
    }))
  }

  /** Takes a robot's key away, and gives it another after a while. */
  revokeKey(): void {
    const robot = this.#dice.pick(this.#options.robots)
    if (robot === undefined || this.#keyless.has(robot)) return
    const { ledger, world } = this.#options
    const key = this.#keys.get(robot.id) ?? `key-${robot.id}` as KeyId
    ledger.revoked.add(robot.id)
    this.#keyless.add(robot)
    world.note(`people: revoke ${key}`)
    this.#insist((reply) => ({ type: 'key.revoked', reply, key }), () => {
      world.mark('key revoked')
      world.after(this.#dice.spread(1_000, 600_000), () => this.#giveKey(robot))
    })
  }
  readonly #keys = new Map<RobotId, KeyId>()
  readonly #keyless = new Set<SimRobot>()

  #giveKey(robot: SimRobot): void {
    const key = `key-${robot.id}-${++this.#requests}` as KeyId
    const secret = `crpa_${key}`
    this.#insist((reply) => ({
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
      robot.rekey(secret)
    })
  }

  /** The weather has cleared: all robots are to work, as much as they can. */
  relent(): void {
    this.#resumeAll()
    for (const flow of FLOWS) this.#saveWorkflow(flow as string as WorkflowId, 5)
    this.#savePool(null)
  }

  /** Once, when it is calm: a word that is lost with its connection is the orchestrator's to say again (L6). */
  #resumeAll(): void {
    for (const robot of this.#options.robots) {
      const { id } = robot
      const { robots, told } = this.#options.ledger
      const mode = robots.get(id)?.mode
      // What was asked for a moment ago may be under way still.
      const settled = told.get(id) !== null
      if (settled && robot.closedBecause === null && (mode === 'active' || mode === 'resuming')) continue
      told.set(id, null)
      // Its answer, if it is yet to come, is no longer the last word.
      this.#last.set(id, ++this.#requests)
      this.#insist((reply) => ({ type: 'control.requested', reply, robot: id, control: 'resume', graceful: true }))
    }
  }

  #ask(make: (reply: ReplyId) => Request, answered: (answer: Answer) => void = () => {}): void {
    this.#options.server.request(make(this.#reply()), (answer) => {
      if (answer !== 'lost') answered(answer)
    })
  }

  /** Asks until there is an answer that is not "later". */
  #insist(make: (reply: ReplyId) => Request, answered: (answer: Answer) => void = () => {}): void {
    this.#options.server.request(make(this.#reply()), (answer) => {
      const unsure = answer === 'lost' || (answer.type === 'refusal' && answer.refusal.refused === 'UNAVAILABLE')
      if (!unsure) return answered(answer)
      this.#options.world.after(this.#dice.spread(500, 5_000), () => this.#insist(make, answered))
    })
  }

  #reply(): ReplyId {
    return `people-${++this.#requests}` as ReplyId
  }
}
