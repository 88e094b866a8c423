import type { Reply } from '../../core/reply.ts'
import type { Effects, Send, WebhookRequest } from '../../core/turn.ts'
import type { Receipt } from '../../core/base/receipt.ts'
import type { Event } from '../../core/events/index.ts'
import type { ReplyId, RobotId, SecretHash, SocketId, TriggerId } from '../../core/base/ids.ts'
import type { Settings } from '../../core/settings.ts'
import { load } from '../../core/load.ts'
import { encode } from '../../core/protocol/encode.ts'
import type { State } from '../../core/state.ts'
import { Connections } from './connections.ts'
import { FleetClock } from './fleet-clock.ts'
import { Recovery } from './recovery.ts'
import { Replies } from './replies.ts'
import { type JobListener, Watchers } from './watchers.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { loadRows } from './load.ts'
import type { Platform } from './platform.ts'
import { startTurnLoop, type TurnLoop } from './turn-loop.ts'
import { Sources, type SourceStatus } from '../sources/sources.ts'
import { type Ports, type RestoredSocket, UNAVAILABLE } from './ports.ts'
import { startSender, type WebhookSender } from '../webhooks/sender.ts'
import type { Frame, RobotSocket } from './robot-socket.ts'
import type { Queries, Store } from '../store/contract.ts'
import { verifiedStore } from '../store/trusted.ts'
export type { Platform } from './platform.ts'

/** `running`, `recovering` after a failed commit, `draining`, or `stopped` for good. */
type FleetPhase = 'running' | 'recovering' | 'draining' | 'stopped'

/** How long a stop waits for calls that are under way: whatever they come to then is not noted, and they are made again. */
const CALLS_END_MS = 5_000

/**
 * Begins a fleet from its store. A commit that fails is treated as a crash: connections are closed, open requests
 * are answered UNAVAILABLE, and the state is loaded anew, again and again with a growing pause until it can be.
 * `onFatal` is called when it never can: another process has taken over the database, it is damaged, or a bug of ours comes
 * again at once. Connections that were `restored` after memory had gone go on where they were, or are closed.
 */
export async function openFleet(
  given: Store,
  runtime: Platform,
  settings: Settings,
  onFatal: (error: Error) => void,
  restored: readonly RestoredSocket[] = [],
): Promise<Fleet> {
  const fleet = new Fleet(given, runtime, settings, onFatal)
  await fleet.begin(restored)
  return fleet
}

/** One state from its loading until a turn fails, and what drives it. */
interface Current {
  readonly state: State
  readonly loop: TurnLoop
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
  readonly failedAttempts: FailedAttempts
  readonly queries: Queries
  readonly #settings: Settings
  readonly #onFatal: (error: Error) => void
  readonly #store: Store
  readonly #ports: Ports
  readonly #connections: Connections
  readonly #sender: WebhookSender
  readonly #sources: Sources
  readonly #replies = new Replies()
  readonly #watchers = new Watchers()
  readonly #recovery = new Recovery()
  /** There is one once it has begun. Until then it takes in as little as when it has stopped. */
  #current!: Current
  #phase: FleetPhase = 'stopped'
  #draining = false

  constructor(given: Store, runtime: Platform, settings: Settings, onFatal: (error: Error) => void) {
    this.#settings = settings
    this.#onFatal = onFatal
    this.clock = new FleetClock(runtime)
    const platform = this.platform = { ...runtime, now: () => this.clock.now() }
    this.failedAttempts = new FailedAttempts(settings.wrongKeysMax, platform.log)
    this.#connections = new Connections(
      () => this.state,
      (socket, frame) => this.failedAttempts.eventOf(socket, frame, this.state, this.clock.now()),
    )
    this.#sender = startSender({ post: platform.post, now: platform.now, allowPrivate: settings.webhooksAllowPrivate })
    this.#sources = new Sources({
      ...platform,
      starters: platform.sources ?? {},
      triggers: () => this.state.triggers.values(),
      request: (make) => this.request(make),
    })
    // Damage may be found by a turn or by a read. From then on nothing is answered, since it might not be true.
    this.#store = verifiedStore(given, (error) => this.#phase !== 'stopped' && this.#end(error))
    this.queries = this.#store.queries
    this.#ports = this.#newPorts()
  }

  /** Loads the state, with the connections that have outlived the one before. */
  async begin(restored: readonly RestoredSocket[]): Promise<void> {
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

  get phase(): FleetPhase {
    return this.#phase
  }

  get isWatched(): boolean {
    return this.#watchers.any
  }

  /** Sends an event whose answer somebody waits for. Resolves once the answer is durable; never rejects. */
  request(make: (reply: ReplyId) => Event): Promise<Reply> {
    if (this.#phase === 'recovering' || this.#phase === 'stopped') return Promise.resolve(UNAVAILABLE)
    const reply = this.platform.uuid() as ReplyId
    const event = make(reply)
    const answer = this.#replies.open(reply)
    this.#push(event)
    return answer
  }

  opened(socket: RobotSocket, credential: SecretHash | null, robot: RobotId | null = null): void {
    if (this.#phase !== 'running') return socket.close(1013, 'The orchestrator is not taking connections now')
    const network = this.#connections.open(socket, credential, robot)
    this.#push({ type: 'socket.opened', socket: socket.id, credential, robot, network })
  }

  /** False when nobody listens to this connection any more: whatever it still sends is better not even read. */
  received(socket: SocketId, frame: Frame): boolean {
    const event = this.#connections.received(socket, frame)
    if (event !== null) this.#push(event)
    return event !== null && event.type !== 'socket.flooded'
  }

  /** Bytes have come on a connection, whole messages or not. False when it need not be told of more: it has registered. */
  bytesReceived(socket: SocketId, bytes: number): boolean {
    const { more, event } = this.#connections.bytesReceived(socket, bytes)
    if (event !== null) this.#push(event)
    return more
  }

  closed(socket: SocketId): void {
    if (this.#connections.delete(socket)) this.#push({ type: 'socket.closed', socket })
  }

  /**
   * Tells the jobs that a turn has changed, once that is durable; null after a failed commit, when whatever one waits
   * for has to be looked up anew. `listener` must not throw. Returns how to stop it.
   */
  watch(listener: JobListener): () => void {
    return this.#watchers.add(listener)
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
  whenIdle(): Promise<void> {
    return this.#current.loop.whenIdle()
  }

  /** Closes every connection and the store. */
  async stop(): Promise<void> {
    await this.#sources.stop()
    await this.whenIdle()
    // Nothing new is sent, and what is under way can still be noted.
    if (!this.#draining) this.#push({ type: 'drain' })
    await this.#sender.whenSent(CALLS_END_MS)
    await this.whenIdle()
    this.#phase = 'stopped'
    this.#current.loop.stop()
    this.#abandon(1001, 'The orchestrator is shutting down')
    await this.#store.close()
  }

  #push(event: Event): void {
    this.#current.loop.push(event)
  }

  #newPorts(): Ports {
    const { platform, clock } = this
    return {
      ...(platform.hibernates ? { saveSnapshot: (socket, text) => this.#connections.saveSnapshot(socket, text) } : {}),
      now: platform.now,
      clockSet: () => clock.adjust(),
      prefetch: (need) => this.#store.prefetch(need),
      commit: (out) => this.#commit(out),
      deliver: (send) => this.#deliver(send),
      callWebhook: (made) => this.#callWebhook(made),
      warn: ({ message, details }) => platform.log('warn', message, details),
      setAlarm: (at) => clock.setAlarm(at, () => this.#current.loop.alarm()),
      defer: platform.defer,
      failed: (error) => void this.#recover(error),
    }
  }

  async #load(restored: readonly RestoredSocket[]): Promise<Current> {
    const { rows: hot, horizonAt } = await loadRows(this.#store, this.clock, this.#settings)
    const snapshots = restored.flatMap(({ snapshot: text }) => text ?? [])
    const state = load(hot, this.clock.now(), this.platform.seed(), this.#settings, snapshots)
    state.horizonAt = horizonAt
    for (const { socket } of restored) {
      if (!this.#connections.resume(socket, state)) socket.close(1012, 'The orchestrator has started anew')
    }
    return { state, loop: startTurnLoop(state, this.#ports), loads: hot.epoch }
  }

  #commit(out: Effects): Receipt | Promise<Receipt> {
    const receipt = this.#store.commit(out)
    const isWatched = this.#watchers.any && out.rows.jobs.size > 0
    const affectsSources = this.#sources.concerns(out)
    if (!isWatched && !affectsSources && out.clockChange === null) return receipt
    return Promise.resolve(receipt).then((durable) => {
      if (out.clockChange !== null) this.clock.committed()
      if (isWatched) this.#watchers.notify(out.rows.jobs)
      if (affectsSources) this.#sources.look()
      return durable
    })
  }

  /** What a call comes to is told to the state that it was made for, which may be gone by then. */
  #callWebhook(made: WebhookRequest): void {
    const { webhook, delivery, request } = made
    const { loop } = this.#current
    this.#sender.send(made, (outcome) => {
      loop.push({ type: 'delivery.finished', webhook, delivery, request, outcome })
    })
  }

  #deliver(send: Send): void {
    if (send.to === 'reply') return this.#replies.answer(send.reply, send.answer)
    if ('close' in send) return this.#connections.close(send.socket, send.close.code, send.close.reason)
    if (this.#connections.has(send.socket)) {
      this.#connections.send(send.socket, encode(send.message, this.platform.uuid(), this.clock.text()))
    }
  }

  /** Ends what waits on a state that is thrown away: closes connections, and answers requests with UNAVAILABLE. */
  #abandon(code: number, reason: string): void {
    this.#connections.closeAll(code, reason)
    this.#replies.abandon()
    this.clock.setAlarmIn(null, () => {})
  }

  #end(error: Error): void {
    this.#phase = 'stopped'
    this.#current.loop.stop()
    this.#abandon(1011, 'The database is damaged')
    this.#onFatal(error)
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#phase === 'stopped') return
    this.#phase = 'recovering'
    this.platform.log('error', 'a turn failed; starting over from the store', { error: String(error) })
    this.#abandon(1012, 'The orchestrator is recovering')
    const pause = this.#recovery.pauseAfter(error, this.clock.monotonic())
    if (pause === null) return this.#onFatal(error as Error)
    await new Promise<void>((resolve) => this.clock.setAlarmIn(pause, resolve))
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
