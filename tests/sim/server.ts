import { pump } from '../../adapters/pump.ts'
import type { Shell } from '../../adapters/shell.ts'
import { frameEvent } from '../../adapters/socket.ts'
import { type MemoryDisk, memoryStore } from '../../adapters/store/memory.ts'
import type { Answer, Send } from '../../core/effects.ts'
import type { Event } from '../../core/event.ts'
import type { Millis, ReplyId, SocketId } from '../../core/ids.ts'
import type { Settings } from '../../core/limits.ts'
import { load } from '../../core/load.ts'
import { encode } from '../../core/protocol/encode.ts'
import { refuse } from '../../core/protocol/refusal.ts'
import type { State } from '../../core/state.ts'
import { type CommitOptions, Commits, DiskError, type Life } from './commits.ts'
import type { Dice } from './dice.ts'
import { acknowledgedJobsExist } from './invariants.ts'
import type { Connection, ServerEnd } from './network.ts'
import type { Plant } from './plant.ts'
import { checkSend } from './said.ts'
import { clock } from './world.ts'

const UNAVAILABLE: Answer = { type: 'refusal', refusal: refuse('UNAVAILABLE', 'not now; it may have taken effect') }

export interface ServerOptions extends CommitOptions {
  readonly disk: MemoryDisk
  readonly plant: Plant
  /** Its connections are gone with it. */
  readonly died: () => void
}

/**
 * The server's process: the real core and the real pump on a fake shell. It does what `adapters/fleet.ts` does:
 * opens the store, loads, pumps, and after a commit that failed begins again from the disk. And it dies: at random,
 * and where it hurts most.
 */
export class Server implements ServerEnd {
  /** How far its clock is from the right one. */
  skew: Millis = 0
  readonly #options: ServerOptions
  readonly #dice: Dice
  readonly #commits: Commits
  readonly #connections = new Map<SocketId, Connection>()
  readonly #replies = new Map<ReplyId, (answer: Answer | 'lost') => void>()
  #life: Life | null = null
  #phase: 'down' | 'running' | 'recovering' = 'down'
  #alarms: number[] = []
  #messages = 0
  #failures = 0
  #stalledUntil: Millis = 0
  /** The clock was set, and the alarm is still set for what it showed before. */
  #jumped = false

  constructor(options: ServerOptions) {
    this.#options = options
    this.#dice = options.world.dice('server')
    this.#commits = new Commits(options, (why) => this.kill(why))
  }

  get settings(): Settings {
    return this.#options.settings
  }

  /** How many requests have not been answered. */
  get waiting(): number {
    return this.#replies.size
  }

  get state(): State | null {
    return this.#life?.state ?? null
  }

  /** The clock that the core is shown: the machine's, which may jump, but never back before what was shown already. */
  clock(): Millis {
    const { ledger, world } = this.#options
    ledger.latest = Math.max(ledger.latest, world.now + this.skew)
    return ledger.latest
  }

  start(): void {
    const { world } = this.#options
    this.#begin().catch((error: unknown) => world.fail(error))
    world.stir()
  }

  /** Asks for something over HTTP. The answer may be lost with the process. */
  request(event: Event & { readonly reply: ReplyId }, answered: (answer: Answer | 'lost') => void): void {
    if (this.#phase === 'down') return answered('lost')
    if (this.#phase === 'recovering') return answered(UNAVAILABLE)
    this.#replies.set(event.reply, answered)
    this.#push(event)
  }

  opened(connection: Connection): boolean {
    if (this.#phase !== 'running') return false
    const another = [...this.#connections.values()].some(({ robot }) => robot === connection.robot)
    if (another) this.#options.world.mark('two connections of one robot')
    this.#connections.set(connection.id, connection)
    this.#options.ledger.owners.set(connection.id, connection.robot)
    this.#push({ type: 'socket.opened', socket: connection.id, credential: connection.credential })
    return true
  }

  heard(socket: SocketId, text: string): void {
    if (this.#connections.has(socket)) this.#push(frameEvent(socket, text))
  }

  closed(socket: SocketId): void {
    this.#forget(socket)
    if (this.#connections.delete(socket)) this.#push({ type: 'socket.closed', socket })
  }

  /** S9: the process does nothing for a while, and then everything at once. */
  stall(ms: Millis): void {
    this.#stalledUntil = this.#options.world.now + ms
    this.#options.world.after(ms, () => this.#steady())
  }

  /** C1: somebody sets the clock. */
  jump(ms: Millis): void {
    if (ms < 0) this.#options.world.mark('clock set back')
    this.skew += Math.round(ms)
    this.#options.world.note(`server: the clock jumps by ${Math.round(ms / 1000)} s`)
    this.#steady()
    this.#jumped = true
  }

  /** S1: the process is gone, with all that it had in memory. A commit under way is done, or it is not. */
  kill(why: string): void {
    if (this.#phase === 'down') return
    const { world, died } = this.#options
    world.note(`server: dies ${why}`)
    if (this.#life !== null && this.#life.landing !== null && this.#dice.chance(0.5)) this.#life.landing()
    this.#end('down')
    for (const socket of this.#connections.keys()) this.#forget(socket)
    for (const answered of this.#replies.values()) answered('lost')
    this.#replies.clear()
    this.#connections.clear()
    died()
    world.after(this.#dice.spread(100, 60_000), () => this.start())
  }

  async #begin(): Promise<void> {
    const { disk, ledger, plant, settings, world, weather } = this.#options
    const store = plant.store(memoryStore(disk), disk)
    const life: Life = { over: false, store, state: null, pump: null, landing: null, breath: Infinity }
    this.#life = life
    const hot = await store.load(this.clock() + settings.horizonMs)
    if (this.#dice.chance(weather.often('crashInRecovery'))) {
      world.mark('crash during recovery')
      this.#phase = 'recovering'
      return this.kill('while it recovers')
    }
    acknowledgedJobsExist(ledger)
    if (hot.jobs.some(({ status }) => status === 'running')) world.mark('restart with running jobs')
    const state = load(hot, this.clock(), this.#dice.whole(0, 2 ** 31), settings)
    plant.state(state)
    life.state = state
    life.pump = pump(state, plant.shell(this.#shell(life), state))
    this.#phase = 'running'
    this.#failures = 0
    this.#steady()
    world.note(`server: runs with ${hot.jobs.length} live jobs`)
  }

  #shell(life: Life): Shell {
    const { world } = this.#options
    return {
      now: () => {
        if (this.#jumped) this.#steady()
        return this.clock()
      },
      find: (ids) => life.store.find(ids),
      commit: (out) => this.#commits.commit(life, out),
      deliver: (send) => this.#deliver(life, send),
      wake: (at) => this.#wake(life, at),
      soon: (run) => {
        world.after(this.#stalledUntil - world.now, () => {
          if (life.over) return
          world.stir()
          run()
        })
      },
      failed: (error) => this.#failed(life, error),
    }
  }

  #push(event: Event): void {
    const { ledger, plant } = this.#options
    const life = this.#life
    if (this.#phase !== 'running' || life === null || life.state === null) return
    ledger.pushed(event, this.clock())
    life.pump?.push(plant.event(event, life.state))
  }

  #deliver(life: Life, send: Send): void {
    const { ledger, world } = this.#options
    if (life.over) return
    if (life.breath-- <= 0) {
      world.mark('crash between commit and send')
      return this.kill('between two sends')
    }
    try {
      checkSend(ledger, send)
    } catch (error) {
      return world.fail(error)
    }
    if (send.to === 'reply') {
      const answered = this.#replies.get(send.reply)
      this.#replies.delete(send.reply)
      return answered?.(send.answer)
    }
    const connection = this.#connections.get(send.socket)
    if (connection === undefined) return this.#forget(send.socket)
    if ('close' in send) {
      world.note(`server to ${connection.robot} on ${send.socket}: close ${send.close.code} ${send.close.reason}`)
      return connection.hangUp(send.close.code)
    }
    if (send.message.type === 'job_cancel' && send.message.payload.reason?.endsWith('offered to this robot')) {
      world.mark('offer answered after it lapsed')
    }
    const text = encode(send.message, `server-${++this.#messages}`, clock(ledger.latest))
    world.note(`server to ${connection.robot} on ${send.socket}: ${brief(send.message)}`, text)
    connection.tell(text)
  }

  /** S7: an alarm may come late, and twice. It is set by the machine's clock, as `setTimeout` is. */
  #wake(life: Life, at: Millis | null): void {
    const { weather, world } = this.#options
    if (life.over) return
    this.#silenceAlarms()
    this.#jumped = false
    if (at === null) return
    const bad = this.#dice.chance(weather.often('lateAlarm'))
    const wait = Math.max(0, at - (world.now + this.skew)) + (bad ? this.#dice.spread(10, 30_000) : 0)
    const ring = (): void => life.pump?.ring()
    this.#alarms = (bad ? [wait, wait + 1] : [wait]).map((ms) => world.after(ms, ring))
  }

  #silenceAlarms(): void {
    for (const alarm of this.#alarms) this.#options.world.cancel(alarm)
    this.#alarms = []
  }

  /** A turn failed. A disk may; anything else is what the simulation is there to find. */
  #failed(life: Life, error: unknown): void {
    const { world } = this.#options
    if (life.over) return
    if (!(error instanceof DiskError)) return world.fail(error)
    world.note(`server: recovers from ${error.message}`)
    world.mark('commit failure recovered')
    this.#end('recovering')
    for (const connection of this.#connections.values()) {
      this.#forget(connection.id)
      connection.hangUp(1012)
    }
    this.#connections.clear()
    for (const answered of this.#replies.values()) answered(UNAVAILABLE)
    this.#replies.clear()
    world.after(Math.min(100 * 2 ** ++this.#failures, 10_000), () => {
      if (this.#life === life && this.#phase === 'recovering') this.start()
    })
  }

  #end(phase: 'down' | 'recovering'): void {
    this.#phase = phase
    this.#silenceAlarms()
    if (this.#life === null) return
    this.#life.over = true
    this.#life.landing = null
    this.#life.pump?.stop()
  }

  /** The connection is no robot's any more, as far as the server can know. */
  #forget(socket: SocketId): void {
    const { current, owners } = this.#options.ledger
    const robot = owners.get(socket)
    if (robot !== undefined && current.get(robot) === socket) current.delete(robot)
  }

  #steady(): void {
    const { ledger } = this.#options
    ledger.steadySince = Math.max(ledger.steadySince, this.clock())
  }
}

function brief({ type, payload }: { readonly type: string; readonly payload: object }): string {
  const job = 'job_id' in payload ? ` ${String(payload.job_id)}` : ''
  const attempt = 'attempt' in payload ? ` attempt ${String(payload.attempt)}` : ''
  return `${type}${job}${attempt}`
}
