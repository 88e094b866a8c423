import type { Answer, Call, Effects, Send } from '../core/effects.ts'
import type { Receipt } from '../core/receipt.ts'
import type { Event } from '../core/event.ts'
import type { ReplyId, RobotId, SecretHash, SocketId, TriggerId } from '../core/ids.ts'
import type { Settings } from '../core/limits.ts'
import { load } from '../core/load.ts'
import { encode } from '../core/protocol/encode.ts'
import type { State } from '../core/state.ts'
import { Connections } from './connections.ts'
import { FleetClock } from './fleet-clock.ts'
import { Recovery } from './fleet/recovery.ts'
import { Replies } from './fleet/replies.ts'
import { type JobListener, Watchers } from './fleet/watchers.ts'
import { Failures } from './http/failures.ts'
import { loadHot } from './hot.ts'
import type { Platform } from './platform.ts'
import { type Pump, pump } from './pump.ts'
import { Sources, type SourceStatus } from './sources/sources.ts'
import { type Carried, type Shell, UNAVAILABLE } from './shell.ts'
import { type Calls, startCalls } from './sinks/webhooks.ts'
import type { Frame, RobotSocket } from './socket.ts'
import type { Queries, Store } from './store/contract.ts'
import { trusted } from './store/trusted.ts'

export type { Platform } from './platform.ts'

/** `running`, `recovering` after a failed commit, `draining`, or `stopped` for good. */
type Phase = 'running' | 'recovering' | 'draining' | 'stopped'

/** How long a stop waits for calls that are under way: whatever they come to then is not noted, and they are made again. */
const CALLS_END_MS = 5_000

/**
 * Begins a fleet from its store. A commit that fails is treated as a crash: connections are closed, open requests
 * are answered UNAVAILABLE, and the state is loaded anew, again and again with a growing pause until it can be.
 * `gone` is called when it never can: another process has taken over the database, it is damaged, or a bug of ours comes
 * again at once. Connections that are `carried` over from before memory had gone go on where they were, or are closed.
 */
export async function openFleet(
  given: Store,
  runtime: Platform,
  settings: Settings,
  gone: (error: Error) => void,
  carried: readonly Carried[] = [],
): Promise<Fleet> {
  const fleet = new Fleet(given, runtime, settings, gone)
  await fleet.begin(carried)
  return fleet
}

/** One state from its loading until a turn fails, and what drives it. */
interface Current {
  readonly state: State
  readonly pump: Pump
  readonly loads: number
}

/**
 * One tenant's state, store, connections and open requests: what the mains and the HTTP routes work with. Everything but
 * the state outlives a failed turn. `openFleet` makes one.
 */
export class Fleet {
  /** Its `now` is the time that the state is shown. */
  readonly platform: Platform
  readonly clock: FleetClock
  readonly failures: Failures
  readonly queries: Queries
  readonly #settings: Settings
  readonly #onFatal: (error: Error) => void
  readonly #store: Store
  readonly #ports: Shell
  readonly #connections: Connections
  readonly #sender: Calls
  readonly #sources: Sources
  readonly #replies = new Replies()
  readonly #watchers = new Watchers()
  readonly #recovery = new Recovery()
  /** There is one once it has begun. Until then it takes in as little as when it has stopped. */
  #current!: Current
  #phase: Phase = 'stopped'
  #draining = false

  constructor(given: Store, runtime: Platform, settings: Settings, onFatal: (error: Error) => void) {
    this.#settings = settings
    this.#onFatal = onFatal
    this.clock = new FleetClock(runtime)
    const platform = this.platform = { ...runtime, now: () => this.clock.now() }
    this.failures = new Failures(settings.wrongKeysMax, platform.log)
    this.#connections = new Connections(
      () => this.state,
      (socket, frame) => this.failures.heard(socket, frame, this.state, this.clock.now()),
    )
    this.#sender = startCalls({ post: platform.post, now: platform.now, allowPrivate: settings.webhooksAllowPrivate })
    this.#sources = new Sources({
      ...platform,
      kinds: platform.sources ?? {},
      triggers: () => this.state.triggers.values(),
      request: (make) => this.request(make),
    })
    // Damage may be found by a turn or by a read. From then on nothing is answered, since it might not be true.
    this.#store = trusted(given, (error) => this.#phase !== 'stopped' && this.#end(error))
    this.queries = this.#store.queries
    this.#ports = this.#newPorts()
  }

  /** Loads the state, with the connections that have outlived the one before. */
  async begin(restored: readonly Carried[]): Promise<void> {
    this.#current = await this.#load(restored)
    this.#phase = 'running'
    this.#sources.look()
  }

  /** For reading only: what is true in memory may be one turn ahead of the disk. */
  get state(): State {
    return this.#current.state
  }

  /** How often a state has been loaded from this store, in whatever process. */
  get loads(): number {
    return this.#current.loads
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Whether anybody is told by `watch`. */
  get isWatched(): boolean {
    return this.#watchers.any
  }

  /** Sends an event whose answer somebody waits for. Resolves once the answer is durable; never rejects. */
  request(make: (reply: ReplyId) => Event): Promise<Answer> {
    if (this.#phase === 'recovering' || this.#phase === 'stopped') return Promise.resolve(UNAVAILABLE)
    const reply = this.platform.uuid() as ReplyId
    const event = make(reply)
    const answer = this.#replies.open(reply)
    this.#push(event)
    return answer
  }

  opened(socket: RobotSocket, credential: SecretHash | null, robot: RobotId | null = null): void {
    if (this.#phase !== 'running') return socket.close(1013, 'The orchestrator is not taking connections now')
    const from = this.#connections.open(socket, credential, robot)
    this.#push({ type: 'socket.opened', socket: socket.id, credential, robot, from })
  }

  /** False when nobody listens to this connection any more: whatever it still sends is better not even read. */
  heard(socket: SocketId, frame: Frame): boolean {
    const event = this.#connections.heard(socket, frame)
    if (event !== null) this.#push(event)
    return event !== null && event.type !== 'socket.flooded'
  }

  /** Bytes have come on a connection, whole messages or not. False when it need not be told of more: it has registered. */
  received(socket: SocketId, bytes: number): boolean {
    const { more, event } = this.#connections.received(socket, bytes)
    if (event !== null) this.#push(event)
    return more
  }

  closed(socket: SocketId): void {
    if (this.#connections.delete(socket)) this.#push({ type: 'socket.closed', socket })
  }

  /**
   * Tells the jobs that a turn has changed, once that is durable; null after a failed commit, when whatever one waits
   * for has to be looked up anew. `tell` must not throw. Returns how to stop it.
   */
  watch(tell: JobListener): () => void {
    return this.#watchers.add(tell)
  }

  /** How it stands with what listens for a trigger; null where nothing does. */
  sourceStatus(trigger: TriggerId): SourceStatus | null {
    return this.#sources.status(trigger)
  }

  /** From here on nothing new is taken in or offered; jobs that run may end. */
  drain(): void {
    this.#draining = true
    if (this.#phase === 'running') this.#phase = 'draining'
    this.#push({ type: 'drain' })
  }

  /** Resolves when everything that has arrived is durable and answered. */
  idle(): Promise<void> {
    return this.#current.pump.idle()
  }

  /** Closes every connection and the store. */
  async stop(): Promise<void> {
    await this.#sources.stop()
    await this.idle()
    // Nothing new is sent, and what is under way can still be noted.
    if (!this.#draining) this.#push({ type: 'drain' })
    await this.#sender.ended(CALLS_END_MS)
    await this.idle()
    this.#phase = 'stopped'
    this.#current.pump.stop()
    this.#abandon(1001, 'The orchestrator is shutting down')
    await this.#store.close()
  }

  #push(event: Event): void {
    this.#current.pump.push(event)
  }

  #newPorts(): Shell {
    const { platform, clock } = this
    return {
      ...(platform.hibernates ? { attach: (socket, text) => this.#connections.attach(socket, text) } : {}),
      now: platform.now,
      clockSet: () => clock.taken(),
      find: (need) => this.#store.find(need),
      commit: (out) => this.#commit(out),
      deliver: (send) => this.#deliver(send),
      call: (made) => this.#callWebhook(made),
      warn: ({ message, details }) => platform.log('warn', message, details),
      wake: (at) => clock.wake(at, () => this.#current.pump.ring()),
      soon: platform.soon,
      failed: (error) => void this.#recover(error),
    }
  }

  async #load(restored: readonly Carried[]): Promise<Current> {
    const { hot, horizonAt } = await loadHot(this.#store, this.clock, this.#settings)
    const snapshots = restored.flatMap(({ text }) => text ?? [])
    const state = load(hot, this.clock.now(), this.platform.seed(), this.#settings, snapshots)
    state.horizonAt = horizonAt
    for (const { socket } of restored) {
      if (!this.#connections.resume(socket, state)) socket.close(1012, 'The orchestrator has started anew')
    }
    return { state, pump: pump(state, this.#ports), loads: hot.epoch }
  }

  #commit(out: Effects): Receipt | Promise<Receipt> {
    const receipt = this.#store.commit(out)
    const isWatched = this.#watchers.any && out.rows.jobs.size > 0
    const affectsSources = this.#sources.concerns(out)
    if (!isWatched && !affectsSources && out.moved === null) return receipt
    return Promise.resolve(receipt).then((durable) => {
      if (out.moved !== null) this.clock.kept()
      if (isWatched) this.#watchers.notify(out.rows.jobs)
      if (affectsSources) this.#sources.look()
      return durable
    })
  }

  /** What a call comes to is told to the state that it was made for, which may be gone by then. */
  #callWebhook(made: Call): void {
    const { webhook, delivery, call } = made
    const { pump: loop } = this.#current
    this.#sender.make(made, (outcome) => loop.push({ type: 'delivery.tried', webhook, delivery, call, outcome }))
  }

  #deliver(send: Send): void {
    if (send.to === 'reply') return this.#replies.answer(send.reply, send.answer)
    if ('close' in send) return this.#connections.close(send.socket, send.close.code, send.close.reason)
    if (this.#connections.has(send.socket)) {
      this.#connections.send(send.socket, encode(send.message, this.platform.uuid(), this.clock.text()))
    }
  }

  /** Whoever waits on the state that is thrown away is told so: nobody hangs, and nobody is told what may not hold. */
  #abandon(code: number, reason: string): void {
    this.#connections.closeAll(code, reason)
    this.#replies.abandon()
    this.clock.alarm(null, () => {})
  }

  #end(error: Error): void {
    this.#phase = 'stopped'
    this.#current.pump.stop()
    this.#abandon(1011, 'The database is damaged')
    this.#onFatal(error)
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#phase === 'stopped') return
    this.#phase = 'recovering'
    this.platform.log('error', 'a turn failed; starting over from the store', { error: String(error) })
    this.#abandon(1012, 'The orchestrator is recovering')
    const pause = this.#recovery.pauseAfter(error, this.clock.steady())
    if (pause === null) return this.#onFatal(error as Error)
    await new Promise<void>((resolve) => this.clock.alarm(pause, resolve))
    try {
      this.#current = await this.#load([])
      this.#phase = this.#draining ? 'draining' : 'running'
      if (this.#draining) this.#push({ type: 'drain' })
      this.#recovery.succeeded()
      this.#watchers.notify(null)
      this.#sources.look()
    } catch (again) {
      await this.#recover(again)
    }
  }
}
