import { hashOf, sha256 } from '../../adapters/secret.ts'
import type { Answer } from '../../core/effects.ts'
import type { Submitted } from '../../core/event.ts'
import type {
  DefinitionHash,
  JobId,
  JsonText,
  KeyId,
  Millis,
  ReplyId,
  RobotId,
  TriggerId,
  WorkflowId,
} from '../../core/ids.ts'
import { RETRY_SAFETIES } from '../../core/job.ts'
import type { DefinitionRow } from '../../core/state.ts'
import type { Dice } from './dice.ts'
import type { Asked, Ledger } from './ledger.ts'
import { deliveryIsOnce, refusalIsEarned } from './rates.ts'
import { demand } from './rule.ts'
import { answerIsConsistent } from './said.ts'
import type { Server } from './server.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

/** What every run begins with: two workflows, and a webhook for each. */
export const FLOWS = ['flow-a', 'flow-b'] as const
export const SECRET = 'a secret of sixteen characters'
export const TAGS = ['excel', 'sap'] as const
export const CAPABILITIES = ['browser', 'desktop'] as const
export const ENVIRONMENTS = ['default', 'prod', 'test'] as const

export interface ClientOptions {
  readonly world: World
  readonly weather: Weather
  readonly ledger: Ledger
  readonly server: Server
  /** Robots that a job may be pinned to. */
  readonly robots: readonly RobotId[]
}

/** A definition, as the shell would bring it. */
export function definition(text: string): DefinitionRow {
  const json = JSON.stringify({ nodes: [text] })
  return { hash: sha256(json) as DefinitionHash, json }
}

/** The key that jobs are submitted with, and its name. */
export const KEY = 'key-tester' as KeyId
export const BY = 'tester'

/** The pool that every run begins with, and the tags that its robots hold. */
export const POOL = 'sheets'
export const POOL_TAGS = ['excel'] as const

/** How many jobs with a concurrency key may run at a time. */
const KEYS: Readonly<Record<string, number>> = { 'one-at-a-time': 1, 'two-at-a-time': 2 }

/** Everybody who wants something done: programs that submit jobs, other systems that call webhooks, and authors. */
export class Client {
  readonly #options: ClientOptions
  readonly #dice: Dice
  readonly #published = new Set<string>(FLOWS)
  #requests = 0
  #done = false

  constructor(options: ClientOptions) {
    this.#options = options
    this.#dice = options.world.dice('client')
  }

  /** Asks for something now and then, until it is told to stop. */
  start(): void {
    const perHour = this.#dice.spread(10, 200)
    const next = (): void => {
      this.#options.world.after(this.#dice.wait(3_600_000 / perHour), () => {
        if (this.#done) return
        this.#ask()
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
    for (let left = this.#dice.whole(5, 25); left > 0; left--) this.#submit()
  }

  #ask(): void {
    if (this.#dice.chance(0.05)) return this.#author()
    if (this.#dice.chance(0.2)) return this.#call()
    this.#submit()
  }

  #submit(): void {
    const dice = this.#dice
    const { robots, server } = this.#options
    const reply = this.#reply()
    const workflow = this.#workflow()
    const robot = dice.chance(0.15) ? dice.pick(robots) ?? null : null
    const order = dice.chance(0.8) ? this.#requests : dice.whole(-3, -1)
    const parameters = JSON.stringify({ order }) as JsonText
    const key = dice.chance(0.15) ? dice.pick(Object.keys(KEYS)) ?? null : null
    this.#order({
      type: 'job.submitted',
      reply,
      job: `job-${this.#requests}` as JobId,
      by: BY,
      key: KEY,
      workflow,
      parameters,
      priority: dice.pick([0, 1, 1, 1, 2, 3]),
      robot,
      environment: dice.pick(['', '', '', ...ENVIRONMENTS]),
      requiredTags: dice.some(TAGS, 0.15),
      requiredCapabilities: dice.some(CAPABILITIES, 0.1),
      scheduledTime: dice.chance(0.1) ? server.clock() + dice.whole(-60_000, 1_200_000) : null,
      timeoutMs: dice.chance(0.4) ? dice.whole(5_000, 900_000) : null,
      retrySafety: dice.pick(['unless_started', ...RETRY_SAFETIES]),
      pool: dice.chance(0.1) ? POOL : null,
      maxAttempts: dice.pick([1, 1, 2, 3]),
      retryOn: dice.chance(0.1) ? ['BusinessError'] : [],
      concurrencyKey: key,
      concurrencyLimit: key === null ? 1 : KEYS[key] ?? 1,
      duplicateKey: `${typeof workflow === 'string' ? workflow : workflow.id} ${robot} ${parameters}`,
      checkDuplicate: dice.chance(0.3),
      idempotency: dice.chance(0.4) ? { key: `key-${this.#requests}`, fingerprint: parameters } : null,
    })
  }

  #order(order: Submitted): void {
    this.#options.world.note(`client: submits ${order.job}`, JSON.stringify(order))
    this.#send({ job: order.job, trigger: null, order, retryOf: null }, order)
  }

  #workflow(): Submitted['workflow'] {
    if (this.#dice.chance(0.02)) return 'no-such-flow' as WorkflowId
    if (this.#dice.chance(0.6)) return this.#dice.pick(FLOWS) as string as WorkflowId
    const text = this.#dice.pick(['one', 'two', 'three'])
    return { id: `own-${text}` as WorkflowId, name: text, definition: definition(text) }
  }

  /** A webhook, with the right secret or a wrong one. */
  #call(): void {
    const flow = this.#dice.pick(FLOWS)
    const trigger = `hook-${flow}` as TriggerId
    const reply = this.#reply()
    const job = `job-${this.#requests}` as JobId
    const secret = hashOf(this.#dice.chance(0.9) ? SECRET : 'not the secret at all')
    const { weather, world } = this.#options
    world.note(`client: calls ${trigger} for ${job}`)
    const data = '{"from":"hook"}' as JsonText
    const delivery = this.#dice.chance(0.5) ? { key: `delivery-${job}`, fingerprint: data } : null
    const checked = { key: null, refused: null }
    const call = {
      type: 'webhook.received',
      reply,
      job,
      trigger,
      secret,
      data,
      metadata: '{}' as JsonText,
      checked,
      idempotency: delivery,
    } as const
    this.#send({ job, trigger, order: null, retryOf: null, delivery: delivery?.key }, call)
    if (!this.#dice.chance(weather.often('hookTwice'))) return
    // N8: it arrives twice, as webhooks do. The second one is a call like any other, and the cooldown is for it.
    world.after(this.#dice.spread(1, 60_000), () => {
      const again = { ...call, reply: this.#reply(), job: `job-${this.#requests}` as JobId }
      this.#send({ job: again.job, trigger, order: null, retryOf: null, delivery: delivery?.key }, again)
    })
  }

  /** An author saves a version of a workflow, and after a while publishes it. */
  #author(): void {
    const { server, world } = this.#options
    const workflow = this.#dice.pick(FLOWS) as string as WorkflowId
    const text = `${workflow} edition ${this.#dice.whole(1, 4)}`
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
      maxConcurrent: null,
      definition: definition(text),
    }, () => {})
    world.after(this.#dice.wait(60_000), () => {
      server.request({ type: 'workflow.published', reply: this.#reply(), workflow }, () => {})
    })
  }

  #send(asked: Asked, event: Parameters<Server['request']>[0]): void {
    const { ledger, server, weather, world } = this.#options
    ledger.asked.set(asked.job, asked)
    server.request(event, (answer) => {
      if (answer !== 'lost') this.#released(asked, answer)
      const lost = answer === 'lost' || this.#dice.chance(weather.often('lostAnswer'))
      if (!lost || event.type !== 'job.submitted') return
      // It may have taken effect, and whoever asked asks again, not knowing.
      if (answer !== 'lost' && answer.type === 'job') world.mark('answer lost after the commit')
      if (!this.#done) world.after(this.#latency(), () => this.#again(event))
    })
  }

  /** N7: with its idempotency key, if it has one, and now and then with that key for something else by mistake. */
  #again(order: Submitted): void {
    const reply = this.#reply()
    const job = `job-${this.#requests}` as JobId
    const { idempotency } = order
    if (idempotency === null || this.#dice.chance(0.8)) return this.#order({ ...order, reply, job })
    const parameters = JSON.stringify({ order: this.#requests }) as JsonText
    this.#order({ ...order, reply, job, parameters, idempotency: { ...idempotency, fingerprint: parameters } })
  }

  /** The answer left the server. From here on it must hold, whether or not it arrives. */
  #released(asked: Asked, answer: Answer): void {
    const { ledger, world } = this.#options
    const { job, order } = asked
    world.note(`client: hears of ${job}: ${answer.type === 'refusal' ? answer.refusal.message : answer.type}`)
    refusalIsEarned(ledger, asked.trigger, answer)
    answerIsConsistent(ledger, asked, answer)
    const made = answer.type === 'job' || answer.type === 'fired' ? answer.job : null
    if (answer.type === 'fired' && made !== null && deliveryIsOnce(ledger, asked, made)) world.mark('delivery repeated')
    if (made !== null) {
      ledger.acknowledged.add(made.id)
      if (answer.type === 'job' && answer.replayed === true) world.mark('idempotency key replayed')
      return
    }
    if (answer.type !== 'refusal' || answer.refusal.refused === 'UNAVAILABLE') return
    ledger.refused.add(job)
    demand(!ledger.disk.tables.jobs.has(job), 'I3', () => `job ${job} was refused and is on the disk`)
    const { refused } = answer.refusal
    if (refused === 'DUPLICATE_JOB') world.mark('duplicate refused')
    if (refused === 'IDEMPOTENCY_MISMATCH') world.mark('idempotency key used for something else')
    const rate = refused === 'RATE_LIMITED' && answer.refusal.details['cooldown_remaining'] === undefined
    if (rate) world.mark(order === null ? 'webhook called too often' : 'too many submissions')
    else if (refused === 'RATE_LIMITED') world.mark('webhook in its cooldown')
    const runnable = typeof order?.workflow !== 'string' || this.#published.has(order.workflow)
    const excused = rate || refused === 'DUPLICATE_JOB' || refused === 'IDEMPOTENCY_MISMATCH'
    const fault = order !== null && runnable && !excused
    demand(!fault, 'I1', () => `job ${job} was refused without a reason: ${answer.refusal.message}`)
  }

  #reply(): ReplyId {
    return `reply-${++this.#requests}` as ReplyId
  }

  #latency(): Millis {
    return this.#dice.spread(100, 10_000)
  }
}
