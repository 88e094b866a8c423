import { loadRows } from '../../../adapters/fleet/load.ts'
import { startTurnLoop } from '../../../adapters/fleet/turn-loop.ts'
import type { Ports } from '../../../adapters/fleet/ports.ts'
import { eventOfFrame } from '../../../adapters/fleet/robot-socket.ts'
import type { Reply } from '../../../core/reply.ts'
import type { Send } from '../../../core/turn.ts'
import type { Event } from '../../../core/events/index.ts'
import type { Millis, ReplyId, SocketId } from '../../../core/base/ids.ts'
import type { Settings } from '../../../core/settings.ts'
import { load } from '../../../core/load.ts'
import { refuse } from '../../../core/base/refusal.ts'
import type { State } from '../../../core/state.ts'
import { Commits } from './commits.ts'
import { DiskError } from './writer.ts'
import type { Chance } from './chance.ts'
import { readsAreBounded } from '../rules/bounds.ts'
import { acknowledgedJobsExist } from '../rules/jobs.ts'
import { Connections } from './connections.ts'
import { Machine } from './machine.ts'
import type { Connection, ServerEnd } from './network.ts'
import type { ServerClock } from '../mutants/mutant.ts'
import { noteRequestedLimit } from '../rules/concurrency.ts'
import { forgetCounted, markRates } from '../rules/rates.ts'
import { checkSend } from '../rules/frame-rules.ts'
import { demand } from '../violation.ts'
import { SocketBuffers } from './socket-buffers.ts'
import type { ServerOptions } from './server-options.ts'
import type { Life } from './life.ts'
import { newLife } from './new-life.ts'

const UNAVAILABLE: Reply = { type: 'refusal', refusal: refuse('UNAVAILABLE', 'not now; it may have taken effect') }

/**
 * The server's process: the real core and the real pump on a fake shell. It does what `adapters/fleet/fleet.ts` does:
 * opens the store, loads, pumps, and after a commit that failed begins again from the disk. And it dies: at random,
 * and where it hurts most.
 */
export class Server implements ServerEnd {
  readonly #options: ServerOptions
  readonly #chance: Chance
  readonly #commits: Commits
  readonly #writing: Chance
  readonly isIdle = (): boolean => this.#life?.pump?.isIdle === true
  readonly machine: Machine
  readonly #connections: Connections
  readonly #replies = new Map<ReplyId, (answer: Reply | 'lost') => void>()
  #life: Life | null = null
  #phase: 'down' | 'running' | 'recovering' | 'asleep' | 'waking' = 'down'
  /** Connections that it had when it fell asleep, and what came since. */
  #keptConnections: readonly Connection[] = []
  readonly #arrived: Event[] = []
  #failures = 0
  readonly #buffers: SocketBuffers
  #clock: ServerClock
  #isNew = true
  constructor(options: ServerOptions) {
    this.#options = options
    this.#chance = options.world.chance('server')
    this.#connections = new Connections(options.world, options.truth)
    this.#buffers = new SocketBuffers(options.world, (event) => this.#push(event))
    this.#commits = new Commits(options)
    this.#writing = options.world.chance('commits')
    this.machine = new Machine(options, this.#chance, () => this.#phase === 'asleep' ? 0 : this.#buffers.stallsFor)
    this.#clock = this.machine.newClock()
  }

  get settings(): Settings {
    return this.#options.settings
  }

  get state(): State | null {
    return this.#life?.state ?? null
  }

  /** It can be expected to act. */
  get isUp(): boolean {
    return this.#phase === 'running' && this.stallsFor === 0
  }

  /** The time for which it will still do nothing. */
  get stallsFor(): Millis {
    return this.#buffers.stallsFor
  }

  /** The number of unanswered requests. */
  get waiting(): number {
    return this.#replies.size
  }

  /** The time that the core sees. */
  clock(): Millis {
    return this.#clock.now()
  }

  start(): void {
    this.#isNew = this.#phase !== 'recovering'
    if (this.#isNew) this.#clock = this.machine.newClock()
    this.#begin().catch((error: unknown) => this.#options.world.fail(error))
    this.#options.world.settleFirst()
  }

  /** Asks for something over HTTP. The answer may be lost with the process. */
  request(event: Event & { readonly reply: ReplyId }, answered: (answer: Reply | 'lost') => void): void {
    if (this.#phase === 'down') return answered('lost')
    if (this.#phase === 'recovering') return answered(UNAVAILABLE)
    this.#replies.set(event.reply, answered)
    this.#push(event)
  }

  opened(connection: Connection): boolean {
    if (this.#phase === 'down' || this.#phase === 'recovering') return false
    this.#connections.open(connection)
    this.#buffers.arrive({ type: 'socket.opened', socket: connection.id, credential: connection.credential })
    return true
  }

  received(socket: SocketId, text: string): void {
    if (this.#connections.received(socket)) this.#buffers.arrive(eventOfFrame(socket, text))
  }

  closed(socket: SocketId): void {
    if (this.#connections.drop(socket)) this.#buffers.arrive({ type: 'socket.closed', socket })
  }

  /**
   * S6: memory is evicted, like that of a hibernating object while nothing is under way. Connections with their
   * snapshots and the alarm stay. The next event wakes it.
   */
  hibernate(): void {
    const { world } = this.#options
    const life = this.#life
    if (this.#phase !== 'running' || life?.pump?.isIdle !== true || this.#replies.size > 0 || this.#clock.isSet) return
    world.note('server: hibernates')
    for (const { excluded } of life.state?.sessions.values() ?? []) {
      if (excluded.size > 0) world.mark('woken with exclusions')
    }
    life.over = true
    life.pump.stop()
    this.#keptConnections = this.#connections.all
    this.#phase = 'asleep'
  }

  /** S9: the process does nothing for a while, and then everything at once. */
  stall(ms: Millis): void {
    this.#buffers.stall(ms, () => this.#options.truth.time.resumed())
  }

  /** C1: the clock is set. A hibernating server runs on machines whose clock nobody sets while it sleeps. */
  setClock(): void {
    if (this.#phase !== 'asleep' && this.#phase !== 'waking') this.machine.setClock()
  }

  /** S1: the process is gone, with all that it had in memory. A commit under way is done, or it is not. */
  kill(why: string): void {
    if (this.#phase === 'down') return
    const { world, died } = this.#options
    world.note(`server: dies ${why}`)
    if (this.#life?.writer.isWriting === true && this.#chance.happens(0.5)) this.#life.writer.finishAfterDeath()
    this.#end('down')
    this.#arrived.length = 0
    this.#keptConnections = []
    for (const { id } of this.#connections.all) this.#connections.drop(id)
    for (const answered of this.#replies.values()) answered('lost')
    this.#replies.clear()
    died()
    this.machine.restart()
    world.after(this.#chance.spread(100, 60_000), () => this.start())
  }

  async #begin(): Promise<void> {
    const { truth, mutant, settings, world, faults } = this.#options
    const life = this.#life = newLife(this.#options, this.#commits, this.#writing, (why) => this.kill(why))
    const { rows: hot, horizonAt } = await loadRows(life.store, this.#clock, settings)
    if (this.#chance.happens(faults.rates('crashInRecovery'))) {
      world.mark('crash during recovery')
      this.#phase = 'recovering'
      return this.kill('while it recovers')
    }
    if (this.#isNew) this.machine.begun(hot.clock)
    acknowledgedJobsExist(truth)
    if (hot.jobs.some(({ status }) => status === 'running')) world.mark('restart with running jobs')
    const left = this.#keptConnections.filter(({ id }) => this.#connections.get(id) !== undefined)
    this.#keptConnections = []
    const attached = left.flatMap(({ attachment }) => attachment ?? [])
    const state = load(hot, this.clock(), this.#chance.whole(0, 2 ** 31), settings, attached)
    state.horizonAt = horizonAt
    mutant.state(state)
    forgetCounted(truth, state.sessions)
    life.state = state
    life.pump = startTurnLoop(state, mutant.ports(this.#ports(life), state))
    this.#phase = 'running'
    this.#failures = 0
    truth.time.resumed()
    world.note(`server: runs with ${hot.jobs.length} live jobs and ${state.sessions.size} robots`)
    if (state.sessions.size > 0) world.mark('woken with its connections')
    if ([...state.sessions.keys()].some((robot) => state.held.has(robot))) world.mark('woken with running jobs')
    // Connections that could not be restored are closed, and reconnect.
    for (const connection of left) if (!state.sockets.has(connection.id)) this.#connections.close(connection)
    for (const event of this.#arrived.splice(0)) life.pump.push(mutant.event(event, state))
  }

  /** Wakes the server for an event. */
  #wakeUp(): void {
    if (this.#phase !== 'asleep') return
    this.#phase = 'waking'
    this.start()
  }

  #ports(life: Life): Ports {
    const { world, faults, receivers, truth } = this.#options
    return {
      now: () => this.clock(),
      clockSet: () => this.#clock.adjust(),
      prefetch: (need) => life.writer.prefetch(readsAreBounded(need)),
      commitsMax: truth.commitsMax,
      commit: (out) => {
        this.#commits.stepped(life, out)
        const receipt = life.writer.commit(out)
        if (out.clockChange === null) return receipt
        return Promise.resolve(receipt).then((durable) => {
          this.#clock.committed()
          return durable
        })
      },
      // As where memory and sockets go together, unless this one sleeps.
      ...(faults.rates('hibernate') > 0
        ? { saveSnapshot: (socket, text) => this.#connections.attach(socket, text) }
        : {}),
      deliver: (send) => this.#deliver(life, send),
      callWebhook: (call) => receivers.call(call, life),
      setAlarm: (at) => {
        if (!life.over) this.#clock.setAlarm(at, () => this.#phase === 'asleep' ? this.#wakeUp() : life.pump?.alarm())
      },
      defer: (run, ms = 0) =>
        void world.after(Math.max(this.#buffers.stallsFor, ms), () => {
          if (life.over) return
          this.#buffers.read()
          world.settleFirst(() => life.pump?.isIdle === true)
          run()
        }),
      failed: (error) => this.#failed(life, error),
    }
  }

  #push(event: Event): void {
    const { truth, mutant } = this.#options
    if (this.#phase === 'down' || this.#phase === 'recovering') return
    truth.pushed(event)
    noteRequestedLimit(truth, event)
    if (this.#phase !== 'running') {
      this.#arrived.push(event)
      return this.#wakeUp()
    }
    if (this.#life?.state != null) this.#life.pump?.push(mutant.event(event, this.#life.state))
  }

  #deliver(life: Life, send: Send): void {
    const { truth, world } = this.#options
    if (life.over) return
    if (life.sendsLeft-- <= 0) {
      world.mark('crash between commit and send')
      return this.kill('between two sends')
    }
    // The pump goes on where a message cannot be sent; here that is a rule that was broken.
    world.guard(() => {
      checkSend(truth, send)
      markRates(world, send)
      if (send.to !== 'reply') return this.#connections.deliver(send, this.clock())
      const answered = this.#replies.get(send.reply)
      demand(answered !== undefined && this.#replies.delete(send.reply), 'I33', () => `${send.reply} answered twice`)
      answered(send.answer)
    })
  }

  /** A turn failed. A disk may; anything else is what the simulation is there to find. */
  #failed(life: Life, error: unknown): void {
    const { world } = this.#options
    if (life.over) return
    if (!(error instanceof DiskError)) return world.fail(error)
    world.note(`server: recovers from ${error.message}`)
    world.mark('commit failure recovered')
    this.#end('recovering')
    for (const connection of this.#connections.all) this.#connections.close(connection)
    for (const answered of this.#replies.values()) world.guard(() => answered(UNAVAILABLE))
    this.#replies.clear()
    world.after(Math.min(100 * 2 ** ++this.#failures, 10_000), () => {
      if (this.#life === life && this.#phase === 'recovering') this.start()
    })
  }

  #end(phase: 'down' | 'recovering'): void {
    this.#phase = phase
    this.#buffers.drop()
    this.machine.alarm.silence()
    if (this.#life === null) return
    this.#life.over = true
    this.#life.pump?.stop()
  }
}
