import { Bug } from '../core/assert.ts'
import type { Answer, Call, Effects, Send } from '../core/effects.ts'
import type { Receipt } from '../core/receipt.ts'
import type { Event } from '../core/event.ts'
import type { ReplyId, RobotId, SecretHash, SocketId, TriggerId } from '../core/ids.ts'
import type { JobRow } from '../core/job.ts'
import type { Settings } from '../core/limits.ts'
import { load } from '../core/load.ts'
import { encode } from '../core/protocol/encode.ts'
import type { State } from '../core/state.ts'
import { Connections } from './connections.ts'
import { FleetClock } from './fleet-clock.ts'
import { Failures } from './http/failures.ts'
import { loadHot } from './hot.ts'
import type { Platform } from './platform.ts'
import { type Pump, pump } from './pump.ts'
import { runSources, type SourceStatus } from './sources/sources.ts'
import { type Carried, type Shell, UNAVAILABLE } from './shell.ts'
import { startCalls } from './sinks/webhooks.ts'
import type { Frame, RobotSocket } from './socket.ts'
import { type Queries, StaleEpoch, type Store } from './store/contract.ts'
import { trusted } from './store/trusted.ts'

export type { Platform } from './platform.ts'

/** One tenant's state, store, connections and open requests: what the mains and the HTTP routes work with. */
export interface Fleet {
  /** For reading only: what is true in memory may be one turn ahead of the disk. */
  readonly state: State
  readonly queries: Queries
  /** Its `now` is the time that the state is shown. */
  readonly platform: Platform
  readonly clock: Pick<FleetClock, 'set'>
  readonly failures: Failures
  /** How often a state has been loaded from this store, in whatever process. */
  readonly loads: number
  /** `running`, `recovering` after a failed commit, `draining`, or `stopped` for good. */
  readonly phase: Phase
  /** Sends an event whose answer somebody waits for. Resolves once the answer is durable; never rejects. */
  request(make: (reply: ReplyId) => Event): Promise<Answer>
  opened(socket: RobotSocket, credential: SecretHash | null, robot?: RobotId | null): void
  /** False when nobody listens to this connection any more: whatever it still sends is better not even read. */
  heard(socket: SocketId, frame: Frame): boolean
  /** Bytes have come on a connection, whole messages or not. False when it need not be told of more: it has registered. */
  received(socket: SocketId, bytes: number): boolean
  closed(socket: SocketId): void
  /**
   * Tells the jobs that a turn has changed, once that is durable; null after a failed commit, when whatever one waits
   * for has to be looked up anew. `tell` must not throw. Returns how to stop it.
   */
  watch(tell: (jobs: Iterable<JobRow> | null) => void): () => void
  /** How it stands with what listens for a trigger; null where nothing does. */
  sourceStatus(trigger: TriggerId): SourceStatus | null
  /** Whether anybody is told by `watch`. */
  readonly isWatched: boolean
  /** From here on nothing new is taken in or offered; jobs that run may end. */
  drain(): void
  /** Resolves when everything that has arrived is durable and answered. */
  idle(): Promise<void>
  /** Closes every connection and the store. */
  stop(): Promise<void>
}

type Phase = 'running' | 'recovering' | 'draining' | 'stopped'

/** A bug of ours that comes again this soon would come for ever: the process ends and says so. */
const BUG_AGAIN_MS = 10_000

/** How long a stop waits for calls that are under way: whatever they come to then is not noted, and they are made again. */
const CALLS_END_MS = 5_000

interface Current {
  readonly state: State
  readonly pump: Pump
  readonly loads: number
}

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
  const connections = new Connections(
    () => current.state,
    (socket, frame) => failures.heard(socket, frame, current.state, clock.now()),
  )
  const replies = new Map<ReplyId, (answer: Answer) => void>()
  const watchers = new Set<(jobs: Iterable<JobRow> | null) => void>()
  let phase: Phase = 'running'
  let [begun, draining] = [false, false]
  let [failed, lastBug] = [0, -Infinity]
  const clock = new FleetClock(runtime)
  const platform: Platform = { ...runtime, now: () => clock.now() }
  const failures = new Failures(settings.wrongKeysMax, platform.log)
  const calls = startCalls({ post: platform.post, now: platform.now, allowPrivate: settings.webhooksAllowPrivate })
  const shell: Shell = {
    ...(platform.hibernates ? { attach: (socket, text) => connections.attach(socket, text) } : {}),
    now: platform.now,
    clockSet: () => clock.taken(),
    find: (need) => store.find(need),
    commit,
    deliver,
    call,
    warn: ({ message, details }) => platform.log('warn', message, details),
    wake: (at) => clock.wake(at, () => current.pump.ring()),
    soon: platform.soon,
    failed: (error) => void recover(error),
  }

  // Damage may be found by a turn or by a read. From then on nothing is answered, since it might not be true.
  const store = trusted(given, (error) => begun && phase !== 'stopped' && end(error))
  let current = await begin(carried)
  begun = true

  function commit(out: Effects): Receipt | Promise<Receipt> {
    const receipt = store.commit(out)
    const told = watchers.size > 0 && out.rows.jobs.size > 0
    // Whatever fires changes its trigger's row; only those that are listened for here are looked at.
    const listens = out.deletions.triggers.size > 0 ||
      [...out.rows.triggers.values()].some(({ trigger_type }) => platform.sources?.[trigger_type] !== undefined)
    if (!told && !listens && out.moved === null) return receipt
    return Promise.resolve(receipt).then((durable) => {
      if (out.moved !== null) clock.kept()
      if (told) { for (const tell of watchers) tell(out.rows.jobs.values()) }
      if (listens) sources.look()
      return durable
    })
  }

  const sources = runSources({
    ...platform,
    kinds: platform.sources ?? {},
    triggers: () => current.state.triggers.values(),
    request,
  })

  function request(make: (reply: ReplyId) => Event): Promise<Answer> {
    if (phase === 'recovering' || phase === 'stopped') return Promise.resolve(UNAVAILABLE)
    const reply = platform.uuid() as ReplyId
    return new Promise((resolve) => {
      replies.set(reply, resolve)
      current.pump.push(make(reply))
    })
  }

  async function begin(left: readonly Carried[] = []): Promise<Current> {
    const { hot, horizonAt } = await loadHot(store, clock, settings)
    const state = load(hot, clock.now(), platform.seed(), settings, left.flatMap(({ text }) => text ?? []))
    state.horizonAt = horizonAt
    for (const { socket } of left) {
      if (!connections.resume(socket, state)) socket.close(1012, 'The orchestrator has started anew')
    }
    return { state, pump: pump(state, shell), loads: hot.epoch }
  }

  /** What a call comes to is told to the state that it was made for, which may be gone by then. */
  function call(made: Call): void {
    const { webhook, delivery, call: number } = made
    const { pump } = current
    calls.make(made, (outcome) => pump.push({ type: 'delivery.tried', webhook, delivery, call: number, outcome }))
  }

  function deliver(send: Send): void {
    if (send.to === 'reply') {
      replies.get(send.reply)?.(send.answer)
      replies.delete(send.reply)
      return
    }
    if ('close' in send) return connections.close(send.socket, send.close.code, send.close.reason)
    if (connections.has(send.socket)) {
      connections.send(send.socket, encode(send.message, platform.uuid(), clock.text()))
    }
  }

  /** Whoever waits on the state that is thrown away is told so: nobody hangs, and nobody is told what may not hold. */
  function abandon(code: number, reason: string): void {
    connections.closeAll(code, reason)
    for (const answer of replies.values()) answer(UNAVAILABLE)
    replies.clear()
    clock.alarm(null, () => {})
  }

  function end(error: Error): void {
    phase = 'stopped'
    current.pump.stop()
    abandon(1011, 'The database is damaged')
    gone(error)
  }

  async function recover(error: unknown): Promise<void> {
    if (phase === 'stopped') return
    failed++
    phase = 'recovering'
    platform.log('error', 'a turn failed; starting over from the store', { error: String(error) })
    abandon(1012, 'The orchestrator is recovering')
    if (error instanceof StaleEpoch) return gone(error)
    if (error instanceof Bug) {
      if (clock.steady() - lastBug < BUG_AGAIN_MS) return gone(error)
      lastBug = clock.steady()
    }
    await new Promise<void>((resolve) => platform.alarm(runtime.now() + Math.min(100 * 2 ** failed, 10_000), resolve))
    try {
      current = await begin()
      phase = draining ? 'draining' : 'running'
      if (draining) current.pump.push({ type: 'drain' })
      failed = 0
      for (const tell of watchers) tell(null)
      sources.look()
    } catch (again) {
      await recover(again)
    }
  }

  sources.look()
  return {
    get state() {
      return current.state
    },
    get loads() {
      return current.loads
    },
    get phase() {
      return phase
    },
    queries: store.queries,
    platform,
    clock,
    failures,
    request,
    sourceStatus: sources.status,
    opened(socket, credential, robot = null) {
      if (phase !== 'running') return socket.close(1013, 'The orchestrator is not taking connections now')
      const from = connections.open(socket, credential, robot)
      current.pump.push({ type: 'socket.opened', socket: socket.id, credential, robot, from })
    },
    heard(socket, frame) {
      const event = connections.heard(socket, frame)
      if (event !== null) current.pump.push(event)
      return event !== null && event.type !== 'socket.flooded'
    },
    received(socket, bytes) {
      const { more, event } = connections.received(socket, bytes)
      if (event !== null) current.pump.push(event)
      return more
    },
    closed(socket) {
      if (connections.delete(socket)) current.pump.push({ type: 'socket.closed', socket })
    },
    watch(tell) {
      watchers.add(tell)
      return () => void watchers.delete(tell)
    },
    get isWatched() {
      return watchers.size > 0
    },
    drain() {
      draining = true
      if (phase === 'running') phase = 'draining'
      current.pump.push({ type: 'drain' })
    },
    idle: () => current.pump.idle(),
    async stop() {
      await sources.stop()
      await current.pump.idle()
      // Nothing new is sent, and what is under way can still be noted.
      if (!draining) current.pump.push({ type: 'drain' })
      await calls.ended(CALLS_END_MS)
      await current.pump.idle()
      phase = 'stopped'
      current.pump.stop()
      abandon(1001, 'The orchestrator is shutting down')
      await store.close()
    },
  }
}
