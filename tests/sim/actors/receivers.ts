import type { Reply } from '../../../core/reply.ts'
import type { WebhookRequest } from '../../../core/turn.ts'
import type { Event } from '../../../core/events/index.ts'
import type { DeliveryId, Millis, ReplyId, WebhookId, WorkflowId } from '../../../core/base/ids.ts'
import type { DeliveryOutcome, WebhookRow } from '../../../core/records/webhook.ts'
import type { Chance } from '../world/chance.ts'
import type { Truth } from '../truth/truth.ts'
import { checkCall } from '../rules/webhooks.ts'
import type { Mutant } from '../mutants/mutant.ts'
import type { Server } from '../world/server.ts'
import { BEGINNING, type World } from '../world/world.ts'
import type { DeliveryFinished } from '../../../core/events/webhooks.ts'
import { demand } from '../violation.ts'
import type { Life } from '../world/life.ts'

/** The timeout of a call, as in the sender. */
const CALL_MS: Millis = 15_000
const MINUTE: Millis = 60_000

const HOOKS: readonly (Pick<WebhookRow, 'events' | 'workflow_id'> & { readonly id: string })[] = [
  { id: 'hook-all', events: ['*'], workflow_id: null },
  { id: 'hook-ends', events: ['job.completed', 'job.failed', 'job.cancelled', 'job.timeout'], workflow_id: null },
  { id: 'hook-flow', events: ['job.*', 'trigger.fired', 'webhook.*'], workflow_id: 'flow-a' as WorkflowId },
]

export interface ReceiversOptions {
  readonly world: World
  readonly truth: Truth
  readonly mutant: Mutant
}

/** A 410 answer: the life that got it, and the number of commits requested until then. */
interface Gone {
  readonly life: Life
  readonly commits: number
}

/**
 * Receivers of webhooks, and the people who set them up. They are down, slow, wrong, or gone, and lose answers. Their
 * faults have a generator of their own, so that the other faults are as they were before there were webhooks.
 */
export class Receivers {
  readonly #options: ReceiversOptions
  readonly #chance: Chance
  /** The rate of failures of calls to a receiver that is not down. */
  readonly #failureRate: number
  readonly #downUntil = new Map<WebhookId, Millis>()
  readonly #gone = new Map<WebhookId, Gone>()
  /** The life of the server that called last. */
  #life: Life | null = null
  #requests = 0
  #calm = false
  server: Server | null = null

  constructor(options: ReceiversOptions) {
    this.#options = options
    this.#chance = options.world.chance('receivers')
    this.#failureRate = this.#chance.happens(0.3) ? 0 : this.#chance.spread(0.01, 0.6)
  }

  /** The webhooks that are on the disk when everything begins: none in some of the runs. */
  initialRows(): readonly WebhookRow[] {
    if (this.#chance.happens(0.4)) return []
    return this.#chance.some(HOOKS, 0.6).map(({ id, events, workflow_id }) => ({
      id: id as WebhookId,
      url: `https://${id}.example.com/`,
      description: '',
      events,
      workflow_id,
      secret: 'whsec_AAAA',
      former_secret: null,
      former_secret_until: null,
      enabled: true,
      disabled_reason: '',
      failing_since: null,
      created_by: 'author',
      created_at: BEGINNING,
    }))
  }

  start(): void {
    const { world, truth } = this.#options
    if (truth.webhooks.rows.size === 0) return
    const again = (mean: Millis, run: () => void): void => {
      world.after(this.#chance.wait(mean), () => {
        if (this.#calm) return
        run()
        again(mean, run)
      })
    }
    again(15 * MINUTE, () => this.#goDown())
    again(5 * MINUTE, () => this.#operate())
  }

  /** Faults are over: all receivers are up and accept deliveries, and disabled webhooks are enabled again. */
  heal(): void {
    this.#calm = true
    this.#downUntil.clear()
    this.#enableAll()
  }

  /** A request arrives, or does not. The outcome is reported to the life that has sent it, if it still lives. */
  call(call: WebhookRequest, life: Life): void {
    const { world, truth, mutant } = this.#options
    if (life.over) return
    if (life !== this.#life) truth.webhooks.serverStarts++
    this.#life = life
    try {
      checkCall(truth, call)
      this.#checkNotGone(call, life)
    } catch (error) {
      return world.fail(error)
    }
    truth.webhooks.sent(call)
    const { webhook, delivery, request: number } = call
    const { outcome, ms } = this.#answer(call)
    world.note(`call ${number} of ${delivery}: ${outcome.status ?? outcome.error}`)
    world.after(ms, () => {
      if (life.over || life.state === null) return
      if (outcome.status === 410) this.#gone.set(webhook, { life, commits: truth.commits })
      const event: DeliveryFinished = { type: 'delivery.finished', webhook, delivery, request: number, outcome }
      life.pump?.push(mutant.event(event, life.state))
    })
  }

  #answer({ webhook, delivery }: WebhookRequest): { readonly outcome: DeliveryOutcome; readonly ms: Millis } {
    const { world, truth } = this.#options
    const quick = this.#chance.spread(5, 2_000)
    const failed = (status: number | null, ms = quick, retry_after_ms: Millis | null = null) => ({
      outcome: { status, error: `it failed with ${status}`, retry_after_ms },
      ms,
    })
    if (world.now < (this.#downUntil.get(webhook) ?? 0)) return failed(null, this.#chance.pick([quick, CALL_MS]))
    if (!this.#calm && this.#chance.happens(0.002)) return failed(410)
    if (!this.#calm && this.#chance.happens(this.#failureRate)) {
      const how = this.#chance.pick(['error', 'error', 'asked for patience', 'silent', 'answer lost'])
      if (how === 'error') return failed(this.#chance.pick([500, 502, 404, 302, 400]))
      if (how === 'asked for patience') {
        return failed(this.#chance.pick([429, 503]), quick, this.#chance.whole(1, 120_000))
      }
      if (how === 'answer lost') truth.webhooks.accepted.add(delivery)
      return failed(null, CALL_MS)
    }
    if (truth.webhooks.accepted.has(delivery)) world.mark('delivered twice')
    truth.webhooks.accepted.add(delivery)
    return { outcome: { status: 200, error: '', retry_after_ms: null }, ms: quick }
  }

  /**
   * Checks that a receiver which has answered 410 gets no more calls, from the turn on that has processed it until it
   * is enabled again.
   */
  #checkNotGone(call: WebhookRequest, life: Life): void {
    const { truth } = this.#options
    const gone = this.#gone.get(call.webhook)
    const noticed = gone?.life === life && truth.commits > gone.commits + truth.commitsBehind
    demand(!noticed, 'I44', () => `${call.webhook} has said that it is gone, and is told ${call.delivery}`)
  }

  #goDown(): void {
    const { world, truth } = this.#options
    const id = this.#chance.pick([...truth.webhooks.rows.keys()])
    if (id === undefined) return
    const ms = this.#chance.spread(30_000, 60 * MINUTE)
    world.note(`receiver ${id}: is down for ${Math.round(ms / 1000)} s`)
    this.#downUntil.set(id, world.now + ms)
  }

  /** Changes a webhook, or replays one of its deliveries. */
  #operate(): void {
    const { truth, world } = this.#options
    const webhook = this.#chance.pick([...truth.webhooks.rows.values()])
    if (webhook === undefined) return
    const by = 'people'
    const { id } = webhook
    const what = this.#chance.pick(['ping', 'replay', 'replay', 'rotate', 'disable', 'enable', 'enable', 'delete'])
    world.note(`operators: ${what} ${id}`)
    if (what === 'ping') this.#request((reply) => ({ type: 'webhook.pinged', reply, webhook: id, by }))
    if (what === 'rotate') {
      this.#request((reply) => ({ type: 'webhook.rotated', reply, webhook: id, secret: 'whsec_BBBB' }))
    }
    if (what === 'disable') this.#request((reply) => ({ type: 'webhook.disabled', reply, webhook: id, by }))
    if (what === 'enable') this.#enable(id)
    if (what === 'delete' && this.#chance.happens(0.1)) {
      this.#request((reply) => ({ type: 'webhook.deleted', reply, webhook: id, by }))
    }
    if (what === 'replay') this.#replay(id)
  }

  #replay(webhook: WebhookId): void {
    const { truth, world } = this.#options
    const ended = [...truth.webhooks.deliveries.values()].filter((row) => row.webhook_id === webhook)
    const failed = ended.filter(({ status }) => status === 'failed')
    const row = this.#chance.pick(failed.length > 0 ? failed : ended)
    if (row === undefined) return
    const delivery: DeliveryId = row.id
    truth.webhooks.replays.set(delivery, (truth.webhooks.replays.get(delivery) ?? 0) + 1)
    this.#request((reply) => ({ type: 'delivery.replayed', reply, webhook, delivery }), (answer) => {
      if (answer.type === 'delivery') world.mark('delivery replayed')
    })
  }

  #enable(webhook: WebhookId): void {
    this.#gone.delete(webhook)
    this.#request((reply) => ({ type: 'webhook.enabled', reply, webhook, by: 'people' }))
  }

  /** Again and again, for a word may be lost, and one that answered 410 a moment ago is disabled only now. */
  #enableAll(): void {
    const { truth, world } = this.#options
    for (const { id, enabled } of truth.webhooks.rows.values()) if (!enabled) this.#enable(id)
    world.after(MINUTE, () => this.#enableAll())
  }

  #request(
    make: (reply: ReplyId) => Event & { readonly reply: ReplyId },
    answered = (_answer: Reply): void => {},
  ): void {
    this.server?.request(make(`receivers-${++this.#requests}` as ReplyId), (answer) => {
      if (answer !== 'lost') answered(answer)
    })
  }
}
