import type { JobId, RobotId } from '../../../core/base/ids.ts'
import type { Payload } from '../../../core/protocol/message.ts'
import { Outbox, type ResultMessage } from '../../../robot/outbox.ts'
import type { Chance } from '../world/chance.ts'
import { CHATTER, type Colleague, ERRORS, LONGEST_MS, type RobotOptions } from './robot-models.ts'
import { offerIsMadeOnce, resultIsSafe, startedOnce } from '../rules/frame-rules.ts'
import type { Execution } from '../truth/execution.ts'

type Assign = Payload<'job_assign'>

/** One attempt of a job at work. */
interface Run {
  readonly job: JobId
  readonly offer: number
  readonly execution: Execution
  /** It will not come to an end by itself. */
  stuck: boolean
}

/** The jobs of a robot. What it really does goes into the truth; its messages about that may get lost. */
export class RobotJobs {
  readonly #robot: Colleague
  readonly #options: RobotOptions
  readonly #chance: Chance
  readonly #runs = new Set<Run>()
  #outbox = new Outbox()
  #lines = 0
  /** True if its memory survives its process. Only our SDK has one. */
  readonly #durable: boolean
  #memoryId: string
  #start = 1
  /** Offers that it has read and that are not settled, by job: the offer, and the heartbeats since it has not had the job. */
  readonly #read = new Map<JobId, { readonly offer: number; beats: number }>()

  constructor(robot: Colleague, options: RobotOptions, chance: Chance) {
    this.#robot = robot
    this.#options = options
    this.#chance = chance
    this.#durable = chance.happens(0.5)
    this.#memoryId = robot.nextId()
  }

  /** Its memory as it registers with it. */
  get memory(): Payload<'register'>['memory'] {
    if (this.#robot.model !== 'sdk') return undefined
    const offers = [...this.#read].map(([job_id, { offer }]) => ({ job_id, offer }))
    return { id: this.#memoryId, start: this.#start, offers }
  }

  /** The jobs that it would name if it were asked. */
  active(): JobId[] {
    return [...new Set([...this.#runs].map((run) => run.job))]
  }

  /** The process is gone. */
  forget(): void {
    for (const run of this.#runs) run.execution.running = false
    this.#runs.clear()
    this.#start++
    if (this.#durable) return this.#outbox.disconnected()
    this.#outbox = new Outbox()
    this.#memoryId = this.#robot.nextId()
    this.#start = 1
    this.#read.clear()
  }

  /** Ends what was stuck. */
  heal(): void {
    for (const run of this.#runs) {
      if (run.stuck) {
        this.#robot.later(this.#chance.between(0, 30_000), () => this.#end(run))
      }
    }
  }

  registered(): void {
    if (this.#outbox.size > 0) this.#options.world.mark('result resent from the outbox')
    for (const { id, message } of this.#outbox.all()) this.#deliver(id, message)
  }

  disconnected(): void {
    this.#outbox.disconnected()
    for (const offer of this.#read.values()) offer.beats = 0
  }

  heartbeatSent(id: string): void {
    this.#outbox.heartbeat(id)
  }

  heartbeatAnswered(id: string): void {
    for (const { message } of this.#outbox.answered(id)) {
      resultIsSafe(this.#options.truth, this.#robot.id, message)
      this.#read.delete(message.payload.job_id as JobId)
    }
    const active = new Set(this.active())
    for (const [job, offer] of this.#read) {
      if (active.has(job) || this.#outbox.of(job) !== undefined) offer.beats = 0
      else if (++offer.beats >= SETTLED_BEATS) this.#read.delete(job)
    }
  }

  assigned({ job_id: job, offer = 0 }: Assign): void {
    const { truth, faults } = this.#options
    offerIsMadeOnce(truth, this.#robot.id, job, offer)
    this.#read.set(job, { offer, beats: 0 })
    if (this.#chance.happens(faults.rates('silence'))) return
    if (this.#robot.model === 'sdk' && this.#knows(job, offer)) return
    const full = this.active().length >= this.#robot.shape.slots ? 'Maximum concurrent jobs reached' : null
    const why = this.#robot.refusalReason ?? full ?? (this.#chance.happens(faults.rates('refusal')) ? 'not now' : null)
    if (why !== null) return this.#refuse(job, offer, why)
    const execution = truth.execution(this.#robot.id, job, offer)
    this.#accept(job, offer, execution)
    execution.running = true
    startedOnce(truth, this.#robot.id, job, offer)
    const run: Run = { job, offer, execution, stuck: this.#chance.happens(faults.rates('stuckJob')) }
    this.#runs.add(run)
    this.#plan(run)
  }

  /** It is to stop a job. That takes a moment, in which the job may end by itself. */
  cancelled(job: JobId): void {
    const runs = [...this.#runs].filter((run) => run.job === job)
    if (runs.length === 0) return this.#cancelledUnknown(job)
    this.#robot.later(this.#chance.spread(5, 5_000), () => {
      const stopped = runs.filter((run) => this.#runs.delete(run))
      for (const { execution } of stopped) {
        execution.running = false
        execution.stopped = true
      }
      const [run] = stopped
      if (run === undefined) return
      this.#post('job_cancelled', run.job, run.offer, {})
      // What ran the job may have taken the cancelling for a failure, and the original clients say so, too.
      const also = this.#robot.model !== 'sdk' && this.#chance.happens(0.2)
      if (also) this.#post('job_failed', run.job, run.offer, { error_message: 'the task was cancelled' })
      if (this.#runs.size === 0) this.#robot.idle()
    })
  }

  /** It is to stop what it does not run. The `ws` client says nothing to that. */
  #cancelledUnknown(job: JobId): void {
    if (this.#robot.model === 'ws') return
    const held = this.#outbox.of(job)
    if (held !== undefined) this.#deliver(held.id, held.message)
    this.#robot.send({ type: 'job_cancelled', payload: { job_id: job, robot_id: this.#robot.id } })
  }

  /** It is shut down: what runs is broken off, and has failed. */
  abort(): void {
    for (const run of this.#runs) {
      this.#runs.delete(run)
      run.execution.running = false
      run.execution.failed = `${this.#robot.id} was shut down in offer ${run.offer}`
      this.#post('job_failed', run.job, run.offer, { error_message: run.execution.failed })
    }
  }

  /** The behaviour of our SDK for a job that it is running already, or has a result of. */
  #knows(job: JobId, offer: number): boolean {
    const run = [...this.#runs].find((known) => known.job === job)
    if (run?.offer === offer) {
      this.#accept(job, offer, run.execution)
      return true
    }
    if (run !== undefined) {
      this.#refuse(job, offer, 'an earlier attempt runs')
      return true
    }
    const held = this.#outbox.of(job)
    const same = held?.message.payload.offer === offer
    if (held === undefined || (!same && held.message.type !== 'job_complete')) return false
    const execution = this.#options.truth.execution(this.#robot.id, job, offer)
    this.#accept(job, offer, execution)
    if (same) {
      this.#deliver(held.id, held.message)
      return true
    }
    // The work is done already: its result is this attempt's, too.
    const former = this.#options.truth.execution(this.#robot.id, job, held.message.payload.offer ?? 0)
    execution.completed = former.completed
    this.#outbox.drop(held.id)
    this.#post('job_complete', job, offer, { result: JSON.parse(former.completed ?? '{}') })
    return true
  }

  #accept(job: JobId, offer: number, execution: Execution): void {
    execution.started = true
    this.#robot.send({ type: 'job_accept', payload: this.#about(job, offer) })
  }

  #refuse(job: JobId, offer: number, reason: string): void {
    this.#options.truth.execution(this.#robot.id, job, offer).refused = true
    this.#read.delete(job)
    this.#robot.send({ type: 'job_reject', payload: { ...this.#about(job, offer), reason } })
  }

  /** Most jobs are short; some take many minutes. */
  #plan(run: Run): void {
    const ms = this.#chance.happens(0.1) ? this.#chance.spread(60_000, LONGEST_MS) : this.#chance.spread(20, 60_000)
    // One that writes a line for every step of a loop: all at once, and the result right behind.
    if (this.#chance.happens(this.#options.faults.rates('chatter'))) {
      this.#robot.later(ms, () => {
        for (let left = CHATTER; left > 0 && this.#runs.has(run); left--) this.#log(run.job)
      })
    }
    const steps = this.#chance.whole(0, 3)
    for (let step = 1; step <= steps; step++) {
      this.#robot.later(ms * step / (steps + 1), () => this.#progress(run, Math.floor(100 * step / (steps + 1))))
    }
    if (!run.stuck) this.#robot.later(ms, () => this.#options.callers.wantsTo() ? this.#call(run) : this.#end(run))
  }

  /** It calls a workflow, and ends once it knows what came of that. */
  #call(run: Run): void {
    const lives = (): boolean => this.#runs.has(run)
    const ends = (): void => void this.#robot.later(0, () => this.#end(run))
    if (lives()) {
      this.#options.callers.callFor({ robot: this.#robot.id, job: run.job, offer: run.offer, lives }, ends)
    }
  }

  #progress(run: Run, progress: number): void {
    if (!this.#runs.has(run) || run.stuck) return
    run.execution.progress = Math.max(run.execution.progress, progress)
    const payload = { ...this.#about(run.job, run.offer), progress, current_node: `node-${progress}` }
    this.#robot.send({ type: 'job_progress', payload })
    if (this.#chance.happens(0.3)) this.#log(run.job)
  }

  /** Lines with numbers that only grow, so that one that is lost, doubled or out of order shows. */
  #log(job: JobId): void {
    const entries = Array.from({ length: this.#chance.whole(1, 3) }, () => {
      const long = this.#chance.happens(0.02) ? 'x'.repeat(20_000) : ''
      return { level: 'INFO' as const, message: `line ${++this.#lines} ${long}`, timestamp: '1999-01-01T00:00:00' }
    })
    const batch = { type: 'log_batch', payload: { ...this.#about(job), entries } } as const
    const id = this.#robot.send(batch)
    // Unsure of the arrival, it sends the same again, under the same id.
    if (id !== null && this.#chance.happens(0.2)) this.#robot.send(batch, id)
  }

  #end(run: Run): void {
    if (!this.#runs.delete(run)) return
    this.#report(run)
    if (this.#runs.size === 0) this.#robot.idle()
  }

  #report(run: Run): void {
    const { job, offer, execution } = run
    execution.running = false
    // An error of one attempt often recurs in the next.
    const before = this.#options.truth.histories.get(job)
    const again = before?.some(({ detail }) => detail.startsWith('failed on')) === true && this.#chance.happens(0.7)
    if (!again && this.#chance.happens(0.7)) {
      const result = { by: this.#robot.id, offer, at: this.#options.world.now }
      execution.completed = JSON.stringify(result)
      return this.#post('job_complete', job, offer, { result })
    }
    if (again || this.#chance.happens(0.8)) {
      execution.failed = `${this.#robot.id} failed by offer ${offer} at ${this.#options.world.now}`
      const error_type = execution.errorType = again ? ERRORS[0] : this.#chance.pick(ERRORS)
      return this.#post('job_failed', job, offer, { error_message: execution.failed, error_type })
    }
    execution.stopped = true
    return this.#post('job_cancelled', job, offer, {})
  }

  #post(type: ResultMessage['type'], job: JobId, offer: number, more: object): void {
    // The type and what goes with it belong together; the compiler cannot see that for three at once.
    const message = { type, payload: { ...this.#about(job, offer), ...more } } as ResultMessage
    const id = this.#robot.nextId()
    if (this.#robot.model === 'sdk') this.#outbox.put({ id, message })
    this.#deliver(id, message)
    if (!this.#chance.happens(this.#options.faults.rates('resultTwice'))) return
    // Without an offer, a result that came again much later could be anybody's guess. No client does that.
    const ms = this.#robot.model === 'sdk' ? this.#chance.between(0, 30_000) : 0
    this.#robot.later(ms, () => this.#robot.send(message, id))
  }

  #deliver(id: string, message: ResultMessage): void {
    if (this.#robot.send(message, id) === null || this.#robot.model !== 'sdk') return
    this.#outbox.sent(id)
    this.#robot.heartbeatSoon()
  }

  #about(job: JobId, offer?: number): { job_id: JobId; robot_id: RobotId; offer?: number } {
    const about = { job_id: job, robot_id: this.#robot.id }
    return this.#robot.model === 'sdk' && offer !== undefined ? { ...about, offer } : about
  }
}

/** P41: after this many heartbeats without the job, it is settled. */
const SETTLED_BEATS = 3
