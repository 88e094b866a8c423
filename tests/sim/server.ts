import { loadHot } from '../../adapters/hot.ts'
import { pump } from '../../adapters/pump.ts'
import type { Shell } from '../../adapters/shell.ts'
import { frameEvent } from '../../adapters/socket.ts'
import { type MemoryDisk, memoryStore } from '../../adapters/store/memory.ts'
import type { Answer, Send } from '../../core/effects.ts'
import type { Event } from '../../core/event.ts'
import type { Millis, ReplyId, SocketId } from '../../core/ids.ts'
import type { Settings } from '../../core/limits.ts'
import { load } from '../../core/load.ts'
import { refuse } from '../../core/protocol/refusal.ts'
import type { State } from '../../core/state.ts'
import { type CommitOptions, Commits, DiskError, type Life } from './commits.ts'
import type { Dice } from './dice.ts'
import { readsAreBounded } from './bounds.ts'
import { acknowledgedJobsExist } from './invariants.ts'
import { Lines } from './lines.ts'
import { Machine } from './machine.ts'
import type { Connection, ServerEnd } from './network.ts'
import type { Plant, ServerClock } from './plant.ts'
import type { Receivers } from './receivers.ts'
import { forgetSpoken, markRates } from './rates.ts'
import { checkSend } from './said.ts'
import { Sockets } from './sockets.ts'

const UNAVAILABLE: Answer = { type: 'refusal', refusal: refuse('UNAVAILABLE', 'not now; it may have taken effect') }

export interface ServerOptions extends CommitOptions {
  readonly disk: MemoryDisk
  readonly plant: Plant
  readonly receivers: Receivers
  /** Its connections are gone with it. */
  readonly died: () => void
}

/**
 * The server's process: the real core and the real pump on a fake shell. It does what `adapters/fleet.ts` does:
 * opens the store, loads, pumps, and after a commit that failed begins again from the disk. And it dies: at random,
 * and where it hurts most.
 */
export class Server implements ServerEnd {
  readonly #options: ServerOptions
  readonly #dice: Dice
  readonly #commits: Commits
  readonly machine: Machine
  readonly #lines: Lines
  readonly #replies = new Map<ReplyId, (answer: Answer | 'lost') => void>()
  #life: Life | null = null
  #phase: 'down' | 'running' | 'recovering' | 'asleep' | 'waking' = 'down'
  /** Connections that it had when it fell asleep, and what came since. */
  #left: readonly Connection[] = []
  readonly #arrived: Event[] = []
  #failures = 0
  readonly #sockets: Sockets
  #clock: ServerClock
  #isNew = true

  constructor(options: ServerOptions) {
    this.#options = options
    this.#dice = options.world.dice('server')
    this.#lines = new Lines(options.world, options.ledger)
    this.#sockets = new Sockets(options.world, (event) => this.#push(event))
    this.#commits = new Commits(options, (why) => this.kill(why))
    this.machine = new Machine(options, this.#dice, () => this.#phase === 'asleep' ? 0 : this.#sockets.stallsFor)
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

  /** How long it will still do nothing. */
  get stallsFor(): Millis {
    return this.#sockets.stallsFor
  }

  /** How many requests have not been answered. */
  get waiting(): number {
    return this.#replies.size
  }

  /** What the core is shown. */
  clock(): Millis {
    return this.#clock.now()
  }

  start(): void {
    this.#isNew = this.#phase !== 'recovering'
    if (this.#isNew) this.#clock = this.machine.newClock()
    this.#begin().catch((error: unknown) => this.#options.world.fail(error))
    this.#options.world.stir()
  }

  /** Asks for something over HTTP. The answer may be lost with the process. */
  request(event: Event & { readonly reply: ReplyId }, answered: (answer: Answer | 'lost') => void): void {
    if (this.#phase === 'down') return answered('lost')
    if (this.#phase === 'recovering') return answered(UNAVAILABLE)
    this.#replies.set(event.reply, answered)
    this.#push(event)
  }

  opened(connection: Connection): boolean {
    if (this.#phase === 'down' || this.#phase === 'recovering') return false
    this.#lines.open(connection)
    this.#sockets.come({ type: 'socket.opened', socket: connection.id, credential: connection.credential })
    return true
  }

  heard(socket: SocketId, text: string): void {
    if (this.#lines.hears(socket)) this.#sockets.come(frameEvent(socket, text))
  }

  closed(socket: SocketId): void {
    if (this.#lines.drop(socket)) this.#sockets.come({ type: 'socket.closed', socket })
  }

  /**
   * S6: memory goes, as that of an object that hibernates does when nothing is under way. Connections stay, with what
   * they carry, and so does the alarm. Whatever comes next wakes it.
   */
  hibernate(): void {
    const { world } = this.#options
    const life = this.#life
    if (this.#phase !== 'running' || life?.pump?.quiet !== true || this.#replies.size > 0 || this.#clock.isSet) return
    world.note('server: hibernates')
    for (const { barred } of life.state?.sessions.values() ?? []) if (barred.size > 0) world.mark('woken with bars')
    life.over = true
    life.pump.stop()
    this.#left = this.#lines.all
    this.#phase = 'asleep'
  }

  /** S9: the process does nothing for a while, and then everything at once. */
  stall(ms: Millis): void {
    this.#sockets.stall(ms, () => this.#options.ledger.time.resumed())
  }

  /** C1: somebody sets the clock. What hibernates runs where nobody does while it sleeps. */
  setClock(): void {
    if (this.#phase !== 'asleep' && this.#phase !== 'waking') this.machine.setClock()
  }

  /** S1: the process is gone, with all that it had in memory. A commit under way is done, or it is not. */
  kill(why: string): void {
    if (this.#phase === 'down') return
    const { world, died } = this.#options
    world.note(`server: dies ${why}`)
    if (this.#life !== null && this.#life.landing !== null && this.#dice.chance(0.5)) this.#life.landing()
    this.#end('down')
    this.#arrived.length = 0
    this.#left = []
    for (const { id } of this.#lines.all) this.#lines.drop(id)
    for (const answered of this.#replies.values()) answered('lost')
    this.#replies.clear()
    died()
    this.machine.restart()
    world.after(this.#dice.spread(100, 60_000), () => this.start())
  }

  async #begin(): Promise<void> {
    const { disk, ledger, plant, settings, world, weather } = this.#options
    const store = plant.store(memoryStore(disk), disk)
    const life: Life = { over: false, store, state: null, pump: null, landing: null, breath: Infinity }
    this.#life = life
    const { hot, horizonAt } = await loadHot(store, this.#clock, settings)
    if (this.#dice.chance(weather.often('crashInRecovery'))) {
      world.mark('crash during recovery')
      this.#phase = 'recovering'
      return this.kill('while it recovers')
    }
    if (this.#isNew) this.machine.begun(hot.clock)
    acknowledgedJobsExist(ledger)
    if (hot.jobs.some(({ status }) => status === 'running')) world.mark('restart with running jobs')
    const left = this.#left.filter(({ id }) => this.#lines.get(id) !== undefined)
    this.#left = []
    const attached = left.flatMap(({ attachment }) => attachment ?? [])
    const state = load(hot, this.clock(), this.#dice.whole(0, 2 ** 31), settings, attached)
    state.horizonAt = horizonAt
    plant.state(state)
    forgetSpoken(ledger, state.sessions)
    life.state = state
    life.pump = pump(state, plant.shell(this.#shell(life), state))
    this.#phase = 'running'
    this.#failures = 0
    ledger.time.resumed()
    world.note(`server: runs with ${hot.jobs.length} live jobs and ${state.sessions.size} robots`)
    if (state.sessions.size > 0) world.mark('woken with its connections')
    if ([...state.sessions.keys()].some((robot) => state.held.has(robot))) world.mark('woken with running jobs')
    // What could not be restored comes anew.
    for (const connection of left) if (!state.sockets.has(connection.id)) this.#lines.hangUp(connection)
    for (const event of this.#arrived.splice(0)) life.pump.push(plant.event(event, state))
  }

  /** Something has come while it slept. */
  #wakeUp(): void {
    if (this.#phase !== 'asleep') return
    this.#phase = 'waking'
    this.start()
  }

  #shell(life: Life): Shell {
    const { world, weather, receivers } = this.#options
    return {
      now: () => this.clock(),
      clockSet: () => this.#clock.taken(),
      find: (need) => life.store.find(readsAreBounded(need)),
      commit: (out) => {
        const receipt = this.#commits.commit(life, out)
        if (out.moved === null) return receipt
        return Promise.resolve(receipt).then((durable) => {
          this.#clock.kept()
          return durable
        })
      },
      // As where memory and sockets go together, unless this one sleeps.
      ...(weather.often('hibernate') > 0 ? { attach: (socket, text) => this.#lines.attach(socket, text) } : {}),
      deliver: (send) => this.#deliver(life, send),
      call: (call) => receivers.call(call, life),
      wake: (at) => {
        if (!life.over) this.#clock.wake(at, () => this.#phase === 'asleep' ? this.#wakeUp() : life.pump?.ring())
      },
      soon: (run, ms = 0) =>
        void world.after(Math.max(this.#sockets.stallsFor, ms), () => {
          if (life.over) return
          this.#sockets.read()
          world.stir(() => life.pump?.quiet === true)
          run()
        }),
      failed: (error) => this.#failed(life, error),
    }
  }

  #push(event: Event): void {
    const { ledger, plant } = this.#options
    if (this.#phase === 'down' || this.#phase === 'recovering') return
    ledger.pushed(event)
    if (this.#phase !== 'running') {
      this.#arrived.push(event)
      return this.#wakeUp()
    }
    if (this.#life?.state != null) this.#life.pump?.push(plant.event(event, this.#life.state))
  }

  #deliver(life: Life, send: Send): void {
    const { ledger, world } = this.#options
    if (life.over) return
    if (life.breath-- <= 0) {
      world.mark('crash between commit and send')
      return this.kill('between two sends')
    }
    // The pump goes on where a message cannot be sent; here that is a rule that was broken.
    world.guard(() => {
      checkSend(ledger, send)
      markRates(world, send)
      if (send.to !== 'reply') return this.#lines.deliver(send, this.clock())
      const answered = this.#replies.get(send.reply)
      this.#replies.delete(send.reply)
      answered?.(send.answer)
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
    for (const connection of this.#lines.all) this.#lines.hangUp(connection)
    for (const answered of this.#replies.values()) world.guard(() => answered(UNAVAILABLE))
    this.#replies.clear()
    world.after(Math.min(100 * 2 ** ++this.#failures, 10_000), () => {
      if (this.#life === life && this.#phase === 'recovering') this.start()
    })
  }

  #end(phase: 'down' | 'recovering'): void {
    this.#phase = phase
    this.#sockets.drop()
    this.machine.alarm.silence()
    if (this.#life === null) return
    this.#life.over = true
    this.#life.landing = null
    this.#life.pump?.stop()
  }
}
