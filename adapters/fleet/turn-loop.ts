import { snapshotOf } from '../../core/robots/snapshot.ts'
import { type Effects, newEffects, type Send, type Turn, writesNothing } from '../../core/turn.ts'
import type { Event } from '../../core/events/index.ts'
import { nextAlarm } from '../../core/on-timer.ts'
import type { Millis } from '../../core/base/ids.ts'
import type { Receipt } from '../../core/base/receipt.ts'
import type { State } from '../../core/state.ts'
import { step } from '../../core/step.ts'
import { OfferedParameters, type TurnParameters } from './offered-parameters.ts'
import type { Ports } from './ports.ts'
import { NOTHING_PREFETCHED, type Prefetched } from '../../core/prefetch.ts'
import { eventsOfTurn, needs, weightOf } from '../../core/needs.ts'
import { TURN_EVENTS_MAX } from '../../core/settings.ts'

/** An alarm later than this means that the process stood still. */
const LATE_MS: Millis = 250

/** The pause between two checks in that case: Deno reads sockets only while idle, and not between two immediates. */
const REST_MS: Millis = 5

/**
 * The number of checks in a row without a new event, in that case, after which everything that was waiting has been
 * read.
 */
const QUIET_LOOKS = 3

/** The most checks in total, because events may never stop arriving. */
const LOOKS_MAX = 200
/** The event for an alarm that has fired. */
const TICK: Event = { type: 'tick' }

/** A turn whose messages wait for its receipt, or for those of earlier turns. */
interface Unspoken {
  readonly out: Effects
  readonly receipt: Receipt | Promise<Receipt>
  /** null: its messages lack nothing. */
  readonly parameters: TurnParameters | null
  readonly weight: number
}

/**
 * Drives a state: takes the events that have arrived, steps through them at one instant, commits the turn in one
 * transaction, and only then sends messages. Only this loop may step the state.
 *
 * With a store whose commits overlap (`Ports.commitsMax`), the next turns are stepped while earlier ones are on their
 * way to the disk. The messages of a turn are sent in order, after its own receipt and those of all turns before it,
 * because they may repeat what those turns decided. Memory is ahead of the disk by at most that many turns, and no turn
 * begins while those under way have `TURN_EVENTS_MAX` events. Events collect meanwhile, so a slow disk makes turns
 * larger, not commits more frequent.
 *
 * An exception in stepping or committing ends the loop: memory may have changed in part, and only the store can restore
 * it. The messages of this turn and of all later ones are not sent, and `Ports.failed` is called. Code that evaluates
 * payloads from outside changes nothing, and handles its own exceptions (`core/triggers/selection.ts`).
 */
export class TurnLoop {
  readonly #state: State
  readonly #ports: Ports
  readonly #parameters: OfferedParameters
  readonly #inbox: Event[] = []
  readonly #waiters: (() => void)[] = []
  /** The turns whose messages are not sent yet, in order. */
  readonly #unspoken: Unspoken[] = []
  /** The weight of their events. */
  #weightUnspoken = 0
  /** Continues with the next turn, which waits for earlier ones. */
  #goOn: (() => void) | null = null
  #turns = 0
  /** The number of events pushed. */
  #arrived = 0
  /** The instant that the alarm is set for. */
  #alarmAt: Millis | null = null
  /** Set once the alarm has fired: the instant up to which deadlines are judged, after what had arrived was read. */
  #until: Millis | null = null
  /** The effects of a turn that wrote nothing and has sent its messages: its tables are used again. */
  #spare: Effects | undefined
  #scheduled = false
  #running = false
  #stopped = false

  constructor(state: State, ports: Ports) {
    this.#state = state
    this.#ports = ports
    this.#parameters = new OfferedParameters((need) => ports.prefetch(need))
    this.#setAlarm()
  }

  /** Adds an event. It is processed in order. */
  push(event: Event): void {
    if (this.#stopped) return
    this.#arrived++
    this.#inbox.push(event)
    if (this.#scheduled || this.#running) return
    this.#scheduled = true
    this.#ports.defer(() => void this.#run())
  }

  /**
   * The alarm has fired. Messages that robots have sent by now may still wait in their sockets, because timers run
   * before them, especially after the process stood still. So these are read first, and then deadlines up to this very
   * instant are judged.
   */
  alarm(): void {
    if (this.#stopped || this.#until !== null) return
    const until = this.#until = this.#ports.now()
    const isLate = this.#alarmAt !== null && until - this.#alarmAt > LATE_MS
    if (isLate) this.#read(QUIET_LOOKS, LOOKS_MAX, REST_MS)
    else this.#read(1, 1)
  }

  /** True if nothing is waiting or in progress. */
  get isIdle(): boolean {
    return this.#inbox.length === 0 && !this.#running && !this.#scheduled && this.#until === null &&
      this.#unspoken.length === 0
  }

  /** Resolves when it is idle. */
  whenIdle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => void this.#waiters.push(resolve))
  }

  /** Accepts no more events, and sends no more messages. Waiting events are dropped without an answer. */
  stop(): void {
    this.#stopped = true
    this.#until = null
    this.#inbox.length = 0
    this.#unspoken.length = 0
    this.#goOn?.()
  }

  async #run(): Promise<void> {
    this.#scheduled = false
    if (this.#running) return
    this.#running = true
    try {
      // `stop` empties the inbox, and no event enters it afterwards.
      while (this.#inbox.length > 0) await this.#turn()
    } catch (error) {
      this.#fail(error)
    }
    this.#running = false
    this.#wakeIfIdle()
  }

  #fail(error: unknown): void {
    // Turns after one that has failed fail as well.
    if (this.#stopped) return
    this.stop()
    this.#ports.failed(error)
  }

  #wakeIfIdle(): void {
    if (this.isIdle) { for (const resolve of this.#waiters.splice(0)) resolve() }
  }

  async #turn(): Promise<void> {
    const events = this.#take()
    // One instant for the whole turn, so that what is prefetched matches what is due.
    const now = this.#ports.now()
    const need = needs(this.#state, events, now)
    const found = need === null ? NOTHING_PREFETCHED : await this.#ports.prefetch(need)
    if (this.#stopped) return
    const out = this.#step(events, now, found)
    const receipt = this.#ports.commit(out)
    if (this.#stopped) return
    this.#setAlarm()
    const parameters = this.#parameters.ofTurn(out)
    if (this.#unspoken.length === 0 && !(receipt instanceof Promise) && parameters === null) this.#speak(out, receipt)
    else this.#speakLater({ out, receipt, parameters, weight: events.reduce((sum, event) => sum + weightOf(event), 0) })
    // A change of the clock that is lost is repeated after a restart. So that the rows show whether it is lost, no later
    // turn may be among them.
    await this.#untilUnspoken(out.clockChange === null ? (this.#ports.commitsMax ?? 1) - 1 : 0)
  }

  /** Resolves once at most so many turns have yet to send their messages, with fewer events than one turn may have. */
  async #untilUnspoken(turns: number): Promise<void> {
    while (this.#unspoken.length > turns || this.#weightUnspoken >= TURN_EVENTS_MAX) {
      await new Promise<void>((resolve) => {
        this.#goOn = resolve
      })
      this.#goOn = null
      if (this.#stopped) return
    }
  }

  #speakLater(turn: Unspoken): void {
    this.#weightUnspoken += turn.weight
    if (turn.receipt instanceof Promise) turn.receipt.catch(() => {}) // It is awaited in its order.
    if (this.#unspoken.push(turn) === 1) void this.#speakInOrder()
  }

  async #speakInOrder(): Promise<void> {
    try {
      for (let turn; (turn = this.#unspoken[0]) !== undefined;) {
        const receipt = await turn.receipt
        if (this.#stopped) break
        if (turn.parameters === null) this.#speak(turn.out, receipt)
        else await this.#speakWith(turn.parameters, turn.out, receipt)
        this.#weightUnspoken -= turn.weight
        this.#unspoken.shift()
        this.#goOn?.()
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#wakeIfIdle()
  }

  /** The events of the next turn. A change of the clock is processed first, in a turn of its own. */
  #take(): readonly Event[] {
    const by = this.#ports.clockSet()
    if (by === 0) return this.#inbox.splice(0, eventsOfTurn(this.#inbox)).map((event) => this.#withInstant(event))
    if (this.#until !== null) this.#until += by
    return [{ type: 'clock.set', by }]
  }

  #withInstant(event: Event): Event {
    if (event !== TICK || this.#until === null) return event
    const tick = { type: 'tick', until: this.#until } as const
    this.#until = null
    return tick
  }

  #step(events: readonly Event[], now: Millis, found: Prefetched): Effects {
    const out = newEffects(++this.#turns, now, this.#spare)
    this.#spare = undefined
    const turn: Turn = { now, prefetched: found, out, facts: [] }
    for (const event of events) step(this.#state, event, turn)
    return out
  }

  /** Sends the messages of a turn, which is durable. */
  #speak(out: Effects, receipt: Receipt): void {
    for (const send of this.#open(out, receipt)) this.#deliver(send)
    this.#finish(out, receipt)
  }

  /** The same with messages that lack parameters. Each waits for what it lacks, and those after it wait with it. */
  async #speakWith(parameters: TurnParameters, out: Effects, receipt: Receipt): Promise<void> {
    for (const send of this.#open(out, receipt)) {
      const whole = parameters.complete(send)
      const ready = whole instanceof Promise ? await whole : whole
      if (this.#stopped) return
      this.#deliver(ready)
    }
    this.#finish(out, receipt)
  }

  /** The messages of a turn. The snapshots of their receivers are stored before they are sent. */
  #open(out: Effects, receipt: Receipt): readonly Send[] {
    const ports = this.#ports
    if (ports.saveSnapshot !== undefined) {
      for (const socket of out.snapshots) ports.saveSnapshot(socket, snapshotOf(this.#state, socket))
    }
    return out.sends.open(receipt)
  }

  #finish(out: Effects, receipt: Receipt): void {
    const ports = this.#ports
    for (const warning of out.warnings) ports.warn?.(warning)
    for (const call of out.requests.open(receipt)) {
      // A delivery of a webhook that was deleted in the same turn is not on disk, and must not be sent.
      if (!out.deletions.webhooks.has(call.webhook)) ports.callWebhook(call)
    }
    if (writesNothing(out)) this.#spare = out
  }

  /** A message that cannot be sent does not prevent the others: all of them are durable. */
  #deliver(send: Send): void {
    try {
      this.#ports.deliver(send)
    } catch (error) {
      const to = send.to === 'socket' ? send.socket : send.reply
      this.#ports.warn?.({ message: 'a message could not be sent', details: { to, error: String(error) } })
    }
  }

  #setAlarm(): void {
    this.#ports.setAlarm(this.#alarmAt = nextAlarm(this.#state)?.at ?? null)
  }

  /**
   * Lets waiting frames be read until `quietLooks` checks in a row find nothing new, and then has the deadlines judged.
   */
  #read(quietLooks: number, looks: number, rest?: Millis): void {
    const before = this.#arrived
    this.#ports.defer(() => {
      if (this.#stopped) return
      const left = this.#arrived === before ? quietLooks - 1 : QUIET_LOOKS
      if (left > 0 && looks > 1) this.#read(left, looks - 1, rest)
      // After everything that was read, and before later events: a flood does not delay it.
      else this.push(TICK)
    }, rest)
  }
}

/** Creates the loop of a state. */
export function startTurnLoop(state: State, ports: Ports): TurnLoop {
  return new TurnLoop(state, ports)
}
