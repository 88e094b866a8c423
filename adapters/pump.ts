import { attachmentOf } from '../core/attachment.ts'
import { type Effects, isEmpty, newEffects, NOTHING_FOUND, type Send, type Turn } from '../core/effects.ts'
import type { Event } from '../core/event.ts'
import { nextAlarm } from '../core/lapse.ts'
import type { Millis } from '../core/ids.ts'
import { TURN_EVENTS_MAX } from '../core/limits.ts'
import type { State } from '../core/state.ts'
import { needs, step } from '../core/step.ts'
import type { Shell } from './shell.ts'

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

/** The loop of one state: nobody else may step it. */
export interface Pump {
  /** Takes an event in. It is stepped through in its turn, after those that came before it. */
  push(event: Event): void
  /** The alarm has rung. */
  ring(): void
  /** Nothing is waiting and nothing is under way. */
  readonly quiet: boolean
  /** Resolves when it is quiet. */
  idle(): Promise<void>
  /** Takes nothing in any more. What is waiting is dropped, and its senders hear nothing. */
  stop(): void
}

/**
 * Drives a state: takes what has arrived, steps through it at one instant, commits it in one transaction, and only
 * then speaks. One commit is in flight at a time, so memory is never more than one turn ahead of the disk; while it
 * runs, events gather, so a slow disk makes turns larger, not commits more numerous.
 *
 * An exception in stepping or committing ends the pump: memory may have changed in part, and there is no way back but the
 * store. What was to be said is not said, and the shell is told. What looks into the payloads of strangers changes nothing, and
 * keeps its exceptions to itself (`core/payload.ts`).
 */
export function pump(state: State, shell: Shell): Pump {
  const inbox: Event[] = []
  const waiters: (() => void)[] = []
  let turns = 0
  /** How many events have been pushed. */
  let arrived = 0
  /** For when the alarm is set. */
  let alarm: Millis | null = null
  /** The alarm has rung: deadlines up to here are judged, once what had arrived by then has been read. */
  let until: Millis | null = null
  let last: Effects | undefined
  let scheduled = false
  let running = false
  let stopped = false

  async function turn(): Promise<void> {
    const by = shell.clockSet()
    const events = by === 0 ? inbox.splice(0, TURN_EVENTS_MAX).map(withInstant) : [{ type: 'clock.set', by } as const]
    if (until !== null) until += by
    // One instant for the whole turn: what is due is what was asked for.
    const now = shell.now()
    const need = needs(state, events, now)
    const found = need === null ? NOTHING_FOUND : await shell.find(need)
    if (stopped) return
    const spare = last !== undefined && isEmpty(last) ? last : undefined
    const turn: Turn = { now, found, out: last = newEffects(++turns, now, spare) }
    for (const event of events) step(state, event, turn)
    const receipt = await shell.commit(turn.out)
    if (stopped) return
    const sends = turn.out.sends.open(receipt)
    if (shell.attach !== undefined) {
      for (const socket of turn.out.attachments) shell.attach(socket, attachmentOf(state, socket))
    }
    for (const send of sends) deliver(send)
    for (const warning of turn.out.warnings) shell.warn?.(warning)
    for (const call of turn.out.calls.open(receipt)) {
      // What was about to be told when its webhook was deleted is not on the disk, and nobody waits for it.
      if (!turn.out.deletions.webhooks.has(call.webhook)) shell.call(call)
    }
    wake()
  }

  /** A message that cannot be sent keeps no other from being sent: all of it is durable. */
  function deliver(send: Send): void {
    try {
      shell.deliver(send)
    } catch (error) {
      const to = send.to === 'socket' ? send.socket : send.reply
      shell.warn?.({ message: 'a message could not be sent', details: { to, error: String(error) } })
    }
  }

  function wake(): void {
    shell.wake(alarm = nextAlarm(state)?.at ?? null)
  }

  async function run(): Promise<void> {
    scheduled = false
    if (running) return
    running = true
    try {
      // `stop` empties the inbox, and nothing enters it from then on.
      while (inbox.length > 0) await turn()
    } catch (error) {
      stop()
      shell.failed(error)
    }
    running = false
    if (quiet()) { for (const resolve of waiters.splice(0)) resolve() }
  }

  function push(event: Event): void {
    if (stopped) return
    arrived++
    inbox.push(event)
    if (scheduled || running) return
    scheduled = true
    shell.soon(() => void run())
  }

  /**
   * The alarm has rung. What robots have said by now may still wait in their sockets, since timers come before them, and most
   * of all when the process has stood still: that is read first, and only deadlines up to this very instant are judged then.
   */
  function ring(): void {
    if (stopped || until !== null) return
    until = shell.now()
    const isLate = alarm !== null && until - alarm > LATE_MS
    if (isLate) read(QUIET_LOOKS, LOOKS_MAX, REST_MS)
    else read(1, 1)
  }

  function read(quiet: number, looks: number, rest?: Millis): void {
    const before = arrived
    shell.soon(() => {
      if (stopped) return
      const left = arrived === before ? quiet - 1 : QUIET_LOOKS
      if (left > 0 && looks > 1) read(left, looks - 1, rest)
      // Behind everything that was read, and before what comes next: a flood does not keep it from its turn.
      else push(TICK)
    }, rest)
  }

  function withInstant(event: Event): Event {
    if (event !== TICK || until === null) return event
    const tick = { type: 'tick', until } as const
    until = null
    return tick
  }

  function quiet(): boolean {
    return inbox.length === 0 && !running && !scheduled && until === null
  }

  function stop(): void {
    stopped = true
    until = null
    inbox.length = 0
  }

  wake()
  return {
    push,
    ring,
    get quiet() {
      return quiet()
    },
    idle: () => quiet() ? Promise.resolve() : new Promise((resolve) => void waiters.push(resolve)),
    stop,
  }
}
