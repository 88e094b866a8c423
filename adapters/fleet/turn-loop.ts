import { snapshotOf } from '../../core/robots/snapshot.ts'
import { type Effects, newEffects, type Send, type Turn, writesNothing } from '../../core/turn.ts'
import type { Event } from '../../core/events/index.ts'
import { nextAlarm } from '../../core/on-timer.ts'
import type { Millis } from '../../core/base/ids.ts'
import { TURN_EVENTS_MAX } from '../../core/settings.ts'
import type { Receipt } from '../../core/base/receipt.ts'
import type { State } from '../../core/state.ts'
import { step } from '../../core/step.ts'
import type { Ports } from './ports.ts'
import { NOTHING_PREFETCHED, type Prefetched } from '../../core/prefetch.ts'
import { needs } from '../../core/needs.ts'

/** An alarm that rings later than this tells of a process that stood still. */
const LATE_MS: Millis = 250

/** Between two looks then: Deno reads sockets only while it has nothing else to do, and not between two immediates. */
const REST_MS: Millis = 5

/** After that so many looks in a row that find nothing new mean that everything has been read that was waiting. */
const QUIET_LOOKS = 3

/** So many looks are enough whatever they find: what comes without an end is no reason to wait without an end. */
const LOOKS_MAX = 200

/** Stands in the inbox for an alarm that has rung. */
const TICK: Event = { type: 'tick' }

/**
 * Drives a state: takes what has arrived, steps through it at one instant, commits it in one transaction, and only
 * then speaks. One commit is in flight at a time, so memory is never more than one turn ahead of the disk; while it
 * runs, events gather, so a slow disk makes turns larger, not commits more numerous. Nobody else may step the state.
 *
 * An exception in stepping or committing ends the loop: memory may have changed in part, and there is no way back but the
 * store. What was to be said is not said, and `Ports.failed` is called. What looks into the payloads of strangers changes
 * nothing, and keeps its exceptions to itself (`core/triggers/selection.ts`).
 */
export class TurnLoop {
  readonly #state: State
  readonly #ports: Ports
  readonly #inbox: Event[] = []
  readonly #waiters: (() => void)[] = []
  #turns = 0
  /** How many events have been pushed. */
  #arrived = 0
  /** For when the alarm is set. */
  #alarmAt: Millis | null = null
  /** The alarm has rung: deadlines up to here are judged, once what had arrived by then has been read. */
  #until: Millis | null = null
  #last: Effects | undefined
  #scheduled = false
  #running = false
  #stopped = false

  constructor(state: State, ports: Ports) {
    this.#state = state
    this.#ports = ports
    this.#setAlarm()
  }

  /** Takes an event in. It is stepped through in its turn, after those that came before it. */
  push(event: Event): void {
    if (this.#stopped) return
    this.#arrived++
    this.#inbox.push(event)
    if (this.#scheduled || this.#running) return
    this.#scheduled = true
    this.#ports.defer(() => void this.#run())
  }

  /**
   * The alarm has rung. What robots have said by now may still wait in their sockets, since timers come before them, and most
   * of all when the process has stood still: that is read first, and only deadlines up to this very instant are judged then.
   */
  alarm(): void {
    if (this.#stopped || this.#until !== null) return
    const until = this.#until = this.#ports.now()
    const isLate = this.#alarmAt !== null && until - this.#alarmAt > LATE_MS
    if (isLate) this.#read(QUIET_LOOKS, LOOKS_MAX, REST_MS)
    else this.#read(1, 1)
  }

  /** Nothing is waiting and nothing is under way. */
  get isIdle(): boolean {
    return this.#inbox.length === 0 && !this.#running && !this.#scheduled && this.#until === null
  }

  /** Resolves when it is quiet. */
  whenIdle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => void this.#waiters.push(resolve))
  }

  /** Takes nothing in any more. What is waiting is dropped, and its senders hear nothing. */
  stop(): void {
    this.#stopped = true
    this.#until = null
    this.#inbox.length = 0
  }

  async #run(): Promise<void> {
    this.#scheduled = false
    if (this.#running) return
    this.#running = true
    try {
      // `stop` empties the inbox, and nothing enters it from then on.
      while (this.#inbox.length > 0) await this.#turn()
    } catch (error) {
      this.stop()
      this.#ports.failed(error)
    }
    this.#running = false
    if (this.isIdle) { for (const resolve of this.#waiters.splice(0)) resolve() }
  }

  async #turn(): Promise<void> {
    const events = this.#take()
    // One instant for the whole turn: what is due is what was asked for.
    const now = this.#ports.now()
    const need = needs(this.#state, events, now)
    const found = need === null ? NOTHING_PREFETCHED : await this.#ports.prefetch(need)
    if (this.#stopped) return
    const out = this.#step(events, now, found)
    const receipt = await this.#ports.commit(out)
    if (this.#stopped) return
    this.#speak(out, receipt)
    this.#setAlarm()
  }

  /** The events of the next turn. That the clock was set has one to itself, before all the others. */
  #take(): readonly Event[] {
    const by = this.#ports.clockSet()
    if (by === 0) return this.#inbox.splice(0, TURN_EVENTS_MAX).map((event) => this.#withInstant(event))
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
    const spare = this.#last !== undefined && writesNothing(this.#last) ? this.#last : undefined
    const out = this.#last = newEffects(++this.#turns, now, spare)
    const turn: Turn = { now, prefetched: found, out, facts: [] }
    for (const event of events) step(this.#state, event, turn)
    return out
  }

  /** What the turn has to say, now that it is durable. */
  #speak(out: Effects, receipt: Receipt): void {
    const ports = this.#ports
    const sends = out.sends.open(receipt)
    if (ports.saveSnapshot !== undefined) {
      for (const socket of out.snapshots) ports.saveSnapshot(socket, snapshotOf(this.#state, socket))
    }
    for (const send of sends) this.#deliver(send)
    for (const warning of out.warnings) ports.warn?.(warning)
    for (const call of out.requests.open(receipt)) {
      // What was about to be told when its webhook was deleted is not on the disk, and nobody waits for it.
      if (!out.deletions.webhooks.has(call.webhook)) ports.callWebhook(call)
    }
  }

  /** A message that cannot be sent keeps no other from being sent: all of it is durable. */
  #deliver(send: Send): void {
    try {
      this.#ports.deliver(send)
    } catch (error) {
      const to = send.to === 'socket' ? send.socket : send.reply
      this.#ports.warn?.({ message: 'a message could not be sent', details: { to, error: String(error) } })
    }
  }

  #setAlarm(): void {
    this.#alarmAt = nextAlarm(this.#state)?.at ?? null
    this.#ports.setAlarm(this.#alarmAt)
  }

  /** Lets what has arrived be read, until so many looks in a row find nothing new, and then has the deadlines judged. */
  #read(quietLooks: number, looks: number, rest?: Millis): void {
    const before = this.#arrived
    this.#ports.defer(() => {
      if (this.#stopped) return
      const left = this.#arrived === before ? quietLooks - 1 : QUIET_LOOKS
      if (left > 0 && looks > 1) this.#read(left, looks - 1, rest)
      // Behind everything that was read, and before what comes next: a flood does not keep it from its turn.
      else this.push(TICK)
    }, rest)
  }
}

/** Begins to drive a state. */
export function startTurnLoop(state: State, ports: Ports): TurnLoop {
  return new TurnLoop(state, ports)
}
