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
import { Watchers } from './watchers.ts'
import { AttemptLimiter } from './failed-attempts.ts'
import { loadRows } from './load.ts'
import type { Platform } from './platform.ts'
import { startTurnLoop, type TurnLoop } from './turn-loop.ts'
import { Sources, type SourceStatus } from '../sources/sources.ts'
import { COMMITS_MAX, type Ports, type RestoredSocket, UNAVAILABLE } from './ports.ts'
import { startSender, type WebhookSender } from '../webhooks/sender.ts'
import type { Frame, RobotSocket } from './robot-socket.ts'
import type { GrownWal, Queries, Store } from '../store/contract.ts'
import { verifiedStore } from '../store/trusted.ts'
export type { Platform } from './platform.ts'

/** `running`, `recovering` after a failed commit, `draining`, or `stopped` for good. */
type FleetPhase = 'running' | 'recovering' | 'draining' | 'stopped'

/** The longest wait of a stop for calls in flight. Those that end later are repeated after the next start. */
const CALLS_END_MS = 5_000

/**
 * Starts a fleet from its store. A failed commit is treated as a crash: connections are closed, open requests are
 * answered UNAVAILABLE, and the state is loaded anew, with growing pauses until it succeeds. `onFatal` is called if it
 * cannot: another process has taken over the database, it is damaged, or a bug recurs at once. `restored` are the
 * connections that survived hibernation: each resumes or is closed.
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

/** A loaded state until a turn fails, with its loop. */
interface Current {
  readonly state: State
  readonly loop: TurnLoop
  readonly loads: number
}

/** One tenant: state, store, connections and open requests. All but the state outlives a failed turn. See `openFleet`. */
export class Fleet {
  /** Its `now` is the time that the core sees. */
  readonly platform: Platform
  readonly clock: FleetClock
  readonly failedAttempts: AttemptLimiter
  readonly queries: Queries
  /** Notifies listeners for changes of jobs, and promises for their ends. */
  readonly watchers = new Watchers((id) => this.queries.job(id))
  readonly #settings: Settings
  readonly #onFatal: (error: Error) => void
  readonly #store: Store
  readonly #ports: Ports
  readonly #connections: Connections
  readonly #sender: WebhookSender
  readonly #sources: Sources
  readonly #replies = new Replies()
  readonly #recovery = new Recovery()
  /** Set by `begin`. Until then the phase is `stopped`, so nothing is accepted. */
  #current!: Current
  #phase: FleetPhase = 'stopped'
  #draining = false

  constructor(given: Store, runtime: Platform, settings: Settings, onFatal: (error: Error) => void) {
    this.#settings = settings
    this.#onFatal = onFatal
    this.clock = new FleetClock(runtime)
    const platform = this.platform = { ...runtime, now: () => this.clock.now() }
    this.failedAttempts = new AttemptLimiter(settings, platform.log)
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
    // A turn or a read may find damage. From then on nothing is answered, since it might be wrong.
    this.#store = verifiedStore(given, (error) => this.#phase !== 'stopped' && this.#end(error))
    this.queries = this.#store.queries
    this.#ports = this.#newPorts()
  }

  /** Loads the state, with the connections that survived hibernation. */
  async begin(restored: readonly RestoredSocket[]): Promise<void> {
    this.#current = await this.#load(restored)
    this.#phase = 'running'
    this.#sources.look()
  }

  /** For reading only. Memory may be some turns ahead of the disk: see `TurnLoop`. */
  get state(): State {
    return this.#current.state
  }

  /** The number of times that a state was loaded from this store, by any process. */
  get loads(): number {
    return this.#current.loads
  }

  /** The WAL of the store while it is larger than it should be. */
  get grownWal(): GrownWal | null {
    return this.#store.grownWal?.() ?? null
  }

  get phase(): FleetPhase {
    return this.#phase
  }

  /** Sends an event whose answer is awaited. Resolves once the answer is durable; never rejects. */
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

  /** Returns false if the connection is closing: further frames need not even be read. */
  received(socket: SocketId, frame: Frame): boolean {
    const event = this.#connections.received(socket, frame)
    if (event !== null) this.#push(event)
    return event !== null && event.type !== 'socket.flooded'
  }

  /** Counts received bytes, of whole messages or not. Returns false once the robot has registered: no need to count. */
  bytesReceived(socket: SocketId, bytes: number): boolean {
    const { more, event } = this.#connections.bytesReceived(socket, bytes)
    if (event !== null) this.#push(event)
    return more
  }

  closed(socket: SocketId): void {
    if (this.#connections.delete(socket)) this.#push({ type: 'socket.closed', socket })
  }

  /** The status of the source that listens for a trigger; null if there is none. */
  sourceStatus(trigger: TriggerId): SourceStatus | null {
    return this.#sources.status(trigger)
  }

  /** Accepts and offers nothing new from now on; running jobs may end. */
  drain(): void {
    this.#draining = true
    if (this.#phase === 'running') this.#phase = 'draining'
    this.#push({ type: 'drain' })
  }

  /** Resolves when every event so far is durable and answered. */
  whenIdle(): Promise<void> {
    return this.#current.loop.whenIdle()
  }

  /** Closes every connection and the store. */
  async stop(): Promise<void> {
    this.watchers.stop()
    await this.#sources.stop()
    await this.whenIdle()
    // Nothing new is sent, and results of calls in flight can still be recorded.
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
      commitsMax: this.#store.overlaps === true ? COMMITS_MAX : 1,
      deliver: (send) => this.#deliver(send),
      callWebhook: (made) => this.#callWebhook(made),
      warn: ({ message, details }) => platform.log('warn', message, details),
      setAlarm: (at) => clock.setAlarm(at, () => this.#current.loop.alarm()),
      defer: platform.defer,
      failed: (error) => void this.#recover(error),
    }
  }

  async #load(restored: readonly RestoredSocket[]): Promise<Current> {
    const { rows, horizonAt } = await loadRows(this.#store, this.clock, this.#settings)
    const snapshots = restored.flatMap(({ snapshot: text }) => text ?? [])
    const state = load(rows, this.clock.now(), this.platform.seed(), this.#settings, snapshots)
    state.horizonAt = horizonAt
    for (const { socket } of restored) {
      if (!this.#connections.resume(socket, state)) socket.close(1012, 'The orchestrator has started anew')
    }
    return { state, loop: startTurnLoop(state, this.#ports), loads: rows.epoch }
  }

  #commit(out: Effects): Receipt | Promise<Receipt> {
    const receipt = this.#store.commit(out)
    const concernsJobs = out.rows.jobs.size > 0
    const affectsSources = this.#sources.concerns(out)
    // A wait that begins during the commit reads the job as it was before it.
    const isWatched = concernsJobs && (receipt instanceof Promise || this.watchers.any)
    if (!isWatched && !affectsSources && out.clockChange === null) return receipt
    return Promise.resolve(receipt).then((durable) => {
      if (out.clockChange !== null) this.clock.committed()
      if (concernsJobs) this.watchers.notify(out.rows.jobs)
      if (affectsSources) this.#sources.look()
      return durable
    })
  }

  /** Makes a call. Its outcome goes to the state that requested it, which may be gone by then. */
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

  /** Gives up a failed state: closes connections, and answers open requests with UNAVAILABLE. */
  #abandon(code: number, reason: string): void {
    this.#connections.closeAll(code, reason)
    this.#replies.abandon()
    this.clock.setAlarmIn(null, () => {})
  }

  #end(error: Error): void {
    this.#phase = 'stopped'
    this.#current.loop.stop()
    this.#abandon(1011, 'The database is damaged')
    this.#fatal(error)
  }

  #fatal(error: Error): void {
    this.watchers.stop()
    this.#onFatal(error)
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#phase === 'stopped') return
    this.#phase = 'recovering'
    this.platform.log('error', 'a turn failed; starting over from the store', { error: String(error) })
    this.#abandon(1012, 'The orchestrator is recovering')
    const pause = this.#recovery.pauseAfter(error, this.clock.monotonic())
    if (pause === null) return this.#fatal(error as Error)
    await new Promise<void>((resolve) => this.clock.setAlarmIn(pause, resolve))
    try {
      this.#current = await this.#load([])
      this.#phase = this.#draining ? 'draining' : 'running'
      if (this.#draining) this.#push({ type: 'drain' })
      this.#recovery.succeeded()
      this.watchers.notify(null)
      this.#sources.look()
    } catch (again) {
      await this.#recover(again)
    }
  }
}
