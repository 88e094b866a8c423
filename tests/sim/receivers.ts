import type { Answer, Call } from '../../core/effects.ts'
import type { DeliveryTried, Event } from '../../core/event.ts'
import type { DeliveryId, Millis, ReplyId, WebhookId, WorkflowId } from '../../core/ids.ts'
import type { Outcome, WebhookRow } from '../../core/webhook.ts'
import type { Life } from './commits.ts'
import type { Dice } from './dice.ts'
import type { Ledger } from './ledger.ts'
import { checkCall } from './outbox.ts'
import type { Plant } from './plant.ts'
import { COMMITS_BEHIND, demand } from './rule.ts'
import type { Server } from './server.ts'
import { BEGINNING, type World } from './world.ts'

/** How long a call may take, as the sink has it. */
const CALL_MS: Millis = 15_000
const MINUTE: Millis = 60_000

const HOOKS: readonly (Pick<WebhookRow, 'events' | 'workflow_id'> & { readonly id: string })[] = [
  { id: 'hook-all', events: ['*'], workflow_id: null },
  { id: 'hook-ends', events: ['job.completed', 'job.failed', 'job.cancelled', 'job.timeout'], workflow_id: null },
  { id: 'hook-flow', events: ['job.*', 'trigger.fired', 'webhook.*'], workflow_id: 'flow-a' as WorkflowId },
]

export interface ReceiversOptions {
  readonly world: World
  readonly ledger: Ledger
  readonly plant: Plant
}

/** What was answered with 410, in which life, and how many commits had been asked for then. */
interface Gone {
  readonly life: Life
  readonly commits: number
}

/**
 * Other systems that are told of what happens, and whoever has set that up. They are down, slow, wrong, or gone, and lose
 * answers; their weather is their own, so that the weather of the others is what it was before there were webhooks.
 */
export class Receivers {
  readonly #options: ReceiversOptions
  readonly #dice: Dice
  /** How often a call fails, of those to a receiver that is not down. */
  readonly #bad: number
  readonly #downUntil = new Map<WebhookId, Millis>()
  readonly #gone = new Map<WebhookId, Gone>()
  /** Which life of the server called last. */
  #life: Life | null = null
  #requests = 0
  #calm = false
  server: Server | null = null

  constructor(options: ReceiversOptions) {
    this.#options = options
    this.#dice = options.world.dice('receivers')
    this.#bad = this.#dice.chance(0.3) ? 0 : this.#dice.spread(0.01, 0.6)
  }

  /** The webhooks that are on the disk when everything begins: none in some of the runs. */
  found(): readonly WebhookRow[] {
    if (this.#dice.chance(0.4)) return []
    return this.#dice.some(HOOKS, 0.6).map(({ id, events, workflow_id }) => ({
      id: id as WebhookId,
      url: `https://${id}.example.com/`,
      description: '',
      events,
      workflow_id,
      secret: 'whsec_AAAA',
      former_secret: null,
      former_until: null,
      enabled: true,
      disabled_reason: '',
      failing_since: null,
      created_by: 'author',
      created_at: BEGINNING,
    }))
  }

  start(): void {
    const { world, ledger } = this.#options
    if (ledger.hooks.webhooks.size === 0) return
    const again = (mean: Millis, run: () => void): void => {
      world.after(this.#dice.wait(mean), () => {
        if (this.#calm) return
        run()
        again(mean, run)
      })
    }
    again(15 * MINUTE, () => this.#goDown())
    again(5 * MINUTE, () => this.#meddle())
  }

  /** The storm is over: all of them are up, and take what they are told. Whoever was disabled is enabled again. */
  heal(): void {
    this.#calm = true
    this.#downUntil.clear()
    this.#enableAll()
  }

  /** A request arrives, or does not. What becomes of it is reported to the life that has sent it, if it lives still. */
  call(call: Call, life: Life): void {
    const { world, ledger, plant } = this.#options
    if (life.over) return
    if (life !== this.#life) ledger.hooks.beginnings++
    this.#life = life
    try {
      checkCall(ledger, call)
      this.#isWanted(call, life)
    } catch (error) {
      return world.fail(error)
    }
    ledger.hooks.sent(call)
    const { webhook, delivery, call: number } = call
    const { outcome, ms } = this.#answer(call)
    world.note(`call ${number} of ${delivery}: ${outcome.status ?? outcome.error}`)
    world.after(ms, () => {
      if (life.over || life.state === null) return
      if (outcome.status === 410) this.#gone.set(webhook, { life, commits: ledger.commits })
      const event: DeliveryTried = { type: 'delivery.tried', webhook, delivery, call: number, outcome }
      life.pump?.push(plant.event(event, life.state))
    })
  }

  #answer({ webhook, delivery }: Call): { readonly outcome: Outcome; readonly ms: Millis } {
    const { world, ledger } = this.#options
    const quick = this.#dice.spread(5, 2_000)
    const failed = (status: number | null, ms = quick, retryAfterMs: Millis | null = null) => ({
      outcome: { status, error: `it failed with ${status}`, retryAfterMs },
      ms,
    })
    if (world.now < (this.#downUntil.get(webhook) ?? 0)) return failed(null, this.#dice.pick([quick, CALL_MS]))
    if (!this.#calm && this.#dice.chance(0.002)) return failed(410)
    if (!this.#calm && this.#dice.chance(this.#bad)) {
      const how = this.#dice.pick(['error', 'error', 'asked for patience', 'silent', 'answer lost'])
      if (how === 'error') return failed(this.#dice.pick([500, 502, 404, 302, 400]))
      if (how === 'asked for patience') return failed(this.#dice.pick([429, 503]), quick, this.#dice.whole(1, 120_000))
      if (how === 'answer lost') ledger.hooks.taken.add(delivery)
      return failed(null, CALL_MS)
    }
    if (ledger.hooks.taken.has(delivery)) world.mark('told twice')
    ledger.hooks.taken.add(delivery)
    return { outcome: { status: 200, error: '', retryAfterMs: null }, ms: quick }
  }

  /** A receiver that has said that it is gone is left alone, from the turn on that has heard it, until it is enabled again. */
  #isWanted(call: Call, life: Life): void {
    const { ledger } = this.#options
    const gone = this.#gone.get(call.webhook)
    const heard = gone?.life === life && ledger.commits > gone.commits + COMMITS_BEHIND
    demand(!heard, 'I44', () => `${call.webhook} has said that it is gone, and is told ${call.delivery}`)
  }

  #goDown(): void {
    const { world, ledger } = this.#options
    const id = this.#dice.pick([...ledger.hooks.webhooks.keys()])
    if (id === undefined) return
    const ms = this.#dice.spread(30_000, 60 * MINUTE)
    world.note(`receiver ${id}: is down for ${Math.round(ms / 1000)} s`)
    this.#downUntil.set(id, world.now + ms)
  }

  /** People do something about a webhook, or about something that it was told. */
  #meddle(): void {
    const { ledger, world } = this.#options
    const webhook = this.#dice.pick([...ledger.hooks.webhooks.values()])
    if (webhook === undefined) return
    const by = 'people'
    const { id } = webhook
    const what = this.#dice.pick(['ping', 'replay', 'replay', 'rotate', 'disable', 'enable', 'enable', 'delete'])
    world.note(`people: ${what} ${id}`)
    if (what === 'ping') this.#ask((reply) => ({ type: 'webhook.pinged', reply, webhook: id, by }))
    if (what === 'rotate') this.#ask((reply) => ({ type: 'webhook.rotated', reply, webhook: id, secret: 'whsec_BBBB' }))
    if (what === 'disable') this.#ask((reply) => ({ type: 'webhook.disabled', reply, webhook: id, by }))
    if (what === 'enable') this.#enable(id)
    if (what === 'delete' && this.#dice.chance(0.1)) {
      this.#ask((reply) => ({ type: 'webhook.deleted', reply, webhook: id, by }))
    }
    if (what === 'replay') this.#replay(id)
  }

  #replay(webhook: WebhookId): void {
    const { ledger, world } = this.#options
    const ended = [...ledger.hooks.deliveries.values()].filter((row) => row.webhook_id === webhook)
    const failed = ended.filter(({ status }) => status === 'failed')
    const row = this.#dice.pick(failed.length > 0 ? failed : ended)
    if (row === undefined) return
    const delivery: DeliveryId = row.id
    ledger.hooks.replays.set(delivery, (ledger.hooks.replays.get(delivery) ?? 0) + 1)
    this.#ask((reply) => ({ type: 'delivery.replayed', reply, webhook, delivery }), (answer) => {
      if (answer.type === 'delivery') world.mark('delivery replayed')
    })
  }

  #enable(webhook: WebhookId): void {
    this.#gone.delete(webhook)
    this.#ask((reply) => ({ type: 'webhook.enabled', reply, webhook, by: 'people' }))
  }

  /** Again and again, for a word may be lost, and one that answered 410 a moment ago is disabled only now. */
  #enableAll(): void {
    const { ledger, world } = this.#options
    for (const { id, enabled } of ledger.hooks.webhooks.values()) if (!enabled) this.#enable(id)
    world.after(MINUTE, () => this.#enableAll())
  }

  #ask(make: (reply: ReplyId) => Event & { readonly reply: ReplyId }, answered = (_answer: Answer): void => {}): void {
    this.server?.request(make(`receivers-${++this.#requests}` as ReplyId), (answer) => {
      if (answer !== 'lost') answered(answer)
    })
  }
}
