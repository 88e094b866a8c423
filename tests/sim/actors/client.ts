import { hashOf } from '../../../adapters/crypto/secrets.ts'
import type { Reply, SubmissionReply } from '../../../core/reply.ts'
import type { JobId, JsonText, Millis, ReplyId, RobotId, TriggerId, WorkflowId } from '../../../core/base/ids.ts'
import { RETRY_SAFETIES } from '../../../core/records/job.ts'
import { PARAMETERS_IN_MEMORY_BYTES } from '../../../core/settings.ts'
import type { Chance } from '../world/chance.ts'
import type { Truth } from '../truth/truth.ts'
import { deliveryIsOnce, refusalIsEarned } from '../rules/rates.ts'
import { answerIsConsistent } from '../rules/frame-rules.ts'
import type { Server } from '../world/server.ts'
import type { Faults } from '../world/faults.ts'
import type { World } from '../world/world.ts'
import type { JobRequest } from '../truth/job-request.ts'
import type { JobSubmission, JobSubmitted } from '../../../core/events/jobs.ts'
import { demand } from '../violation.ts'
import { BY, CAPABILITIES, definition, ENVIRONMENTS, FLOWS, KEY, POOL, SECRET, TAGS } from '../world/givens.ts'

export interface ClientOptions {
  readonly world: World
  readonly faults: Faults
  readonly truth: Truth
  readonly server: Server
  /** Robots that a job may be pinned to. */
  readonly robots: readonly RobotId[]
}

/** The number of jobs with a concurrency key that may run at a time. */
const KEYS: Readonly<Record<string, number>> = { 'one-at-a-time': 1, 'two-at-a-time': 2 }

function requestOf(submission: JobSubmission): JobRequest {
  return { job: submission.job, trigger: null, submission, retryOf: null }
}

/** Those of every second order are too long to stay in memory. */
function parametersOf(order: number): JsonText {
  const text = order % 2 === 0 ? { text: 'x'.repeat(PARAMETERS_IN_MEMORY_BYTES) } : {}
  return JSON.stringify({ order, ...text }) as JsonText
}

/** Everybody who wants something done: programs that submit jobs, other systems that call webhooks, and authors. */
export class Client {
  readonly #options: ClientOptions
  readonly #chance: Chance
  readonly #published = new Set<string>(FLOWS)
  #requests = 0
  #done = false

  constructor(options: ClientOptions) {
    this.#options = options
    this.#chance = options.world.chance('client')
  }

  /** Sends requests now and then, until it is stopped. */
  start(): void {
    const perHour = this.#chance.spread(10, 200)
    const next = (): void => {
      this.#options.world.after(this.#chance.wait(3_600_000 / perHour), () => {
        if (this.#done) return
        this.#request()
        next()
      })
    }
    next()
  }

  stop(): void {
    this.#done = true
  }

  /** U1: many at once. */
  burst(): void {
    for (let left = this.#chance.whole(5, 25); left > 0; left--) this.#submit()
  }

  /** U5: many in one request, some of which are said twice in it. */
  batch(chance: Chance): void {
    const submissions: JobSubmission[] = []
    for (let left = chance.whole(2, 8); left > 0; left--) {
      const twin = chance.happens(0.2) ? chance.pick(submissions) : undefined
      this.#requests++
      submissions.push(twin === undefined ? this.#newSubmission(chance) : { ...twin, job: this.#newJob() })
    }
    this.#sendBatch(submissions)
  }

  #request(): void {
    if (this.#chance.happens(0.05)) return this.#author()
    if (this.#chance.happens(0.2)) return this.#call()
    this.#submit()
  }

  #submit(): void {
    const reply = this.#reply()
    this.#sendSubmission({ type: 'job.submitted', reply, ...this.#newSubmission(this.#chance) })
  }

  /** Draws a job. Its number is that of the request. */
  #newSubmission(chance: Chance): JobSubmission {
    const { robots, server } = this.#options
    const workflow = this.#workflow(chance)
    const robot = chance.happens(0.15) ? chance.pick(robots) ?? null : null
    const order = chance.happens(0.8) ? this.#requests : chance.whole(-3, -1)
    const parameters = parametersOf(order)
    const key = chance.happens(0.15) ? chance.pick(Object.keys(KEYS)) ?? null : null
    return {
      job: this.#newJob(),
      by: BY,
      key: KEY,
      workflow,
      parameters,
      priority: chance.pick([0, 1, 1, 1, 2, 3]),
      robot,
      environment: chance.pick(['', '', '', ...ENVIRONMENTS]),
      required_tags: chance.some(TAGS, 0.15),
      required_capabilities: chance.some(CAPABILITIES, 0.1),
      scheduled_time: chance.happens(0.1) ? server.clock() + chance.whole(-60_000, 1_200_000) : null,
      timeout_ms: chance.happens(0.4) ? chance.whole(5_000, 900_000) : null,
      retry_safety: chance.pick(['unless_started', ...RETRY_SAFETIES]),
      pool: chance.happens(0.1) ? POOL : null,
      max_attempts: chance.pick([1, 1, 2, 3]),
      retry_on: chance.happens(0.1) ? ['BusinessError'] : [],
      concurrency_key: key,
      concurrency_limit: key === null ? 1 : KEYS[key] ?? 1,
      duplicate_key: `${typeof workflow === 'string' ? workflow : workflow.id} ${robot} ${parameters}`,
      check_duplicate: chance.happens(0.3),
      idempotency: chance.happens(0.4) ? { key: `key-${this.#requests}`, fingerprint: parameters } : null,
    }
  }

  #newJob(): JobId {
    return `job-${this.#requests}` as JobId
  }

  #sendSubmission(submission: JobSubmitted): void {
    this.#options.world.note(`client: submits ${submission.job}`, JSON.stringify(submission))
    this.#send(requestOf(submission), submission)
  }

  /** Sends a batch. Each answer is that to its job; where they are lost, all of it is sent again. */
  #sendBatch(submissions: readonly JobSubmission[]): void {
    const { truth, server, faults, world } = this.#options
    const requests = submissions.map((submission) => requestOf(submission))
    for (const asked of requests) truth.requests.set(asked.job, asked)
    world.note(`client: submits ${requests.map(({ job }) => job).join(' ')}`, JSON.stringify(submissions))
    server.request({ type: 'batch.submitted', reply: this.#reply(), submissions }, (answer) => {
      if (answer !== 'lost' && answer.type === 'batch') this.#releasedBatch(requests, answer.answers)
      const lost = answer === 'lost' || this.#chance.happens(faults.rates('lostAnswer'))
      if (!lost || this.#done) return
      world.after(this.#latency(), () => this.#sendBatch(submissions.map((one) => this.#anew(one))))
    })
  }

  #releasedBatch(requests: readonly JobRequest[], answers: readonly SubmissionReply[]): void {
    const { world } = this.#options
    const isWhole = answers.length === requests.length
    demand(isWhole, 'I4', () => `${requests.length} jobs of a batch got ${answers.length} answers`)
    for (const [i, asked] of requests.entries()) this.#released(asked, answers[i] as SubmissionReply)
    const made = answers.filter(({ type }) => type === 'job').length
    if (made > 0 && made < answers.length) world.mark('batch accepted in part')
    if (answers.some((one) => one.type === 'job' && one.replayed === true)) world.mark('batch answered as before')
  }

  /** The same job, under the id that a new request gets. */
  #anew(submission: JobSubmission): JobSubmission {
    this.#requests++
    return { ...submission, job: this.#newJob() }
  }

  #workflow(chance: Chance): JobSubmission['workflow'] {
    if (chance.happens(0.02)) return 'no-such-flow' as WorkflowId
    if (chance.happens(0.6)) return chance.pick(FLOWS) as string as WorkflowId
    const text = chance.pick(['one', 'two', 'three'])
    return { id: `own-${text}` as WorkflowId, name: text, definition: definition(text) }
  }

  /** A webhook, with the right secret or a wrong one. */
  #call(): void {
    const flow = this.#chance.pick(FLOWS)
    const trigger = `hook-${flow}` as TriggerId
    const reply = this.#reply()
    const job = `job-${this.#requests}` as JobId
    const secret = hashOf(this.#chance.happens(0.9) ? SECRET : 'not the secret at all')
    const { faults, world } = this.#options
    world.note(`client: calls ${trigger} for ${job}`)
    const data = '{"from":"hook"}' as JsonText
    const delivery = this.#chance.happens(0.5) ? { key: `delivery-${job}`, fingerprint: data } : null
    const caller_check = { key: null, refused: null }
    const call = {
      type: 'webhook.received',
      reply,
      job,
      trigger,
      secret,
      data,
      metadata: '{}' as JsonText,
      caller_check,
      idempotency: delivery,
    } as const
    this.#send({ job, trigger, submission: null, retryOf: null, delivery: delivery?.key }, call)
    if (!this.#chance.happens(faults.rates('hookTwice'))) return
    // N8: it arrives twice, as webhooks do. The second one is a call like any other, and the cooldown is for it.
    world.after(this.#chance.spread(1, 60_000), () => {
      const again = { ...call, reply: this.#reply(), job: `job-${this.#requests}` as JobId }
      this.#send({ job: again.job, trigger, submission: null, retryOf: null, delivery: delivery?.key }, again)
    })
  }

  /** An author saves a version of a workflow, and after a while publishes it. */
  #author(): void {
    const { server, world } = this.#options
    const workflow = this.#chance.pick(FLOWS) as string as WorkflowId
    const text = `${workflow} edition ${this.#chance.whole(1, 4)}`
    world.note(`client: saves ${text}`)
    server.request({
      type: 'workflow.saved',
      reply: this.#reply(),
      workflow,
      mode: 'update',
      by: 'author',
      name: workflow,
      description: '',
      tags: [],
      max_concurrent: null,
      definition: definition(text),
    }, () => {})
    world.after(this.#chance.wait(60_000), () => {
      server.request({ type: 'workflow.published', reply: this.#reply(), workflow }, () => {})
    })
  }

  #send(asked: JobRequest, event: Parameters<Server['request']>[0]): void {
    const { truth, server, faults, world } = this.#options
    truth.requests.set(asked.job, asked)
    server.request(event, (answer) => {
      if (answer !== 'lost') this.#released(asked, answer)
      const lost = answer === 'lost' || this.#chance.happens(faults.rates('lostAnswer'))
      if (!lost || event.type !== 'job.submitted') return
      // It may have taken effect, and the caller repeats it without knowing.
      if (answer !== 'lost' && answer.type === 'job') world.mark('answer lost after the commit')
      if (!this.#done) world.after(this.#latency(), () => this.#again(event))
    })
  }

  /** N7: with its idempotency key, if it has one, and now and then with that key for something else by mistake. */
  #again(submission: JobSubmitted): void {
    const reply = this.#reply()
    const job = `job-${this.#requests}` as JobId
    const { idempotency } = submission
    if (idempotency === null || this.#chance.happens(0.8)) return this.#sendSubmission({ ...submission, reply, job })
    const parameters = parametersOf(this.#requests)
    this.#sendSubmission({
      ...submission,
      reply,
      job,
      parameters,
      idempotency: { ...idempotency, fingerprint: parameters },
    })
  }

  /** The answer left the server. From here on it must hold, whether or not it arrives. */
  #released(asked: JobRequest, answer: Reply): void {
    const { truth, world } = this.#options
    const { job, submission } = asked
    world.note(`client: hears of ${job}: ${answer.type === 'refusal' ? answer.refusal.message : answer.type}`)
    refusalIsEarned(truth, asked.trigger, answer)
    answerIsConsistent(truth, asked, answer)
    const made = answer.type === 'job' || answer.type === 'fired' ? answer.job : null
    if (answer.type === 'fired' && made !== null && deliveryIsOnce(truth, asked, made)) world.mark('delivery repeated')
    if (made !== null) {
      truth.acknowledged.add(made.id)
      if (answer.type === 'job' && answer.replayed === true) world.mark('idempotency key replayed')
      return
    }
    if (answer.type !== 'refusal' || answer.refusal.refused === 'UNAVAILABLE') return
    truth.refused.add(job)
    demand(!truth.disk.tables.jobs.has(job), 'I3', () => `job ${job} was refused and is on the disk`)
    const { refused } = answer.refusal
    if (refused === 'DUPLICATE_JOB') world.mark('duplicate refused')
    if (refused === 'IDEMPOTENCY_MISMATCH') world.mark('idempotency key used for something else')
    const rate = refused === 'RATE_LIMITED' && answer.refusal.details['cooldown_remaining'] === undefined
    if (rate) world.mark(submission === null ? 'webhook called too often' : 'too many submissions')
    else if (refused === 'RATE_LIMITED') world.mark('webhook in its cooldown')
    const runnable = typeof submission?.workflow !== 'string' || this.#published.has(submission.workflow)
    const excused = rate || refused === 'DUPLICATE_JOB' || refused === 'IDEMPOTENCY_MISMATCH'
    const fault = submission !== null && runnable && !excused
    demand(!fault, 'I1', () => `job ${job} was refused without a reason: ${answer.refusal.message}`)
  }

  #reply(): ReplyId {
    return `reply-${++this.#requests}` as ReplyId
  }

  #latency(): Millis {
    return this.#chance.spread(100, 10_000)
  }
}
