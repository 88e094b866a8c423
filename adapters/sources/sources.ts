import type { Reply } from '../../core/reply.ts'
import type { Effects } from '../../core/turn.ts'
import type { Event } from '../../core/events/index.ts'
import type { Screening } from '../../core/events/triggers.ts'
import type { Millis, ReplyId, TriggerId } from '../../core/base/ids.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { REFUSALS } from '../../core/base/refusal.ts'
import type { TriggerType } from '../../core/trigger-types/index.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import { fireTrigger, onceBy } from '../triggers/fire.ts'
import { cleanText } from './text.ts'

/** A listener for one trigger: a watched folder, a mailbox. */
export interface Source {
  /** Emits nothing more once this has resolved. */
  stop(): Promise<void>
}

/** Starts to listen for a trigger, from its cursor on. Must not throw: a problem is reported as a status. */
export type StartSource = (trigger: TriggerRow, context: SourceContext) => Source

/** An event for a trigger. */
export interface SourceEvent {
  readonly payload: JsonObject
  readonly metadata: JsonObject
  readonly cursor?: string | null
  readonly dedupeKey?: string | null
  /** The verdict of the type's filters, if it has any. A rejected event is skipped. */
  readonly screening?: Screening | null
}

/** The means of a source to report. */
export interface SourceContext {
  /**
   * Emits an event. `done`: it has fired, was skipped, or was refused for good, durably; continue with the next.
   * `later`: the orchestrator could not take it, so emit it again later. An event with a cursor is never emitted again
   * after a restart; one with a `dedupeKey` does not fire again within a day.
   */
  emit(event: SourceEvent): Promise<'done' | 'later'>
  /** Stores the position of the source when no event for the trigger led there. */
  saveCursor(cursor: string): Promise<'done' | 'later'>
  /** Reports whether the source can listen; `detail` describes the problem for people. */
  setStatus(state: SourceState, detail: string): void
  log(level: 'info' | 'warn' | 'error', message: string, details?: object): void
}

type SourceState = 'starting' | 'active' | 'error'

/** The status of a source. */
export interface SourceStatus {
  readonly state: SourceState
  readonly detail: string
  /** The instant of the last change. */
  readonly since: Millis
}

/** The types of triggers that have a source on this platform, and how to start each. */
export type SourceStarters = { readonly [T in TriggerType]?: StartSource }

/** The services of a fleet that sources need. */
export interface SourceHost {
  readonly starters: SourceStarters
  triggers(): Iterable<TriggerRow>
  request(make: (reply: ReplyId) => Event): Promise<Reply>
  now(): Millis
  rowId(): string
  log: SourceContext['log']
}

interface Running {
  readonly revision: number
  status: SourceStatus
  /** Resolves to the started source, once its predecessor has ended. */
  readonly source: Promise<Source | null>
  ended: boolean
}

/** The sources of a fleet's triggers. None runs before the first `look`. */
export class Sources {
  readonly #host: SourceHost
  readonly #running = new Map<TriggerId, Running>()
  #stopped = false

  constructor(host: SourceHost) {
    this.#host = host
  }

  /** True if a turn may have changed the set of sources. Firing changes a trigger's row too, of any type. */
  concerns({ deletions, rows }: Pick<Effects, 'deletions' | 'rows'>): boolean {
    return deletions.triggers.size > 0 ||
      [...rows.triggers.values()].some(({ trigger_type }) => this.#host.starters[trigger_type] !== undefined)
  }

  /** Starts and stops sources so that exactly the enabled triggers, in their present form, have one. */
  look(): void {
    if (this.#stopped) return
    const wanted = this.#wanted()
    // Sources started below are not checked again.
    const before = [...this.#running]
    for (const [id, one] of before) {
      const row = wanted.get(id)
      wanted.delete(id)
      if (row?.revision === one.revision) continue
      this.#running.delete(id)
      const ended = this.#end(one)
      if (row !== undefined) this.#begin(row, ended)
    }
    for (const row of wanted.values()) this.#begin(row, Promise.resolve())
  }

  status(trigger: TriggerId): SourceStatus | null {
    return this.#running.get(trigger)?.status ?? null
  }

  /** Stops all sources; `look` has no effect afterwards. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#running.values()].map((one) => this.#end(one)))
    this.#running.clear()
  }

  /** The triggers that should have a source. */
  #wanted(): Map<TriggerId, TriggerRow> {
    const { starters: kinds } = this.#host
    const rows = [...this.#host.triggers()].filter((row) => row.enabled && kinds[row.trigger_type] !== undefined)
    return new Map(rows.map((row) => [row.id, row]))
  }

  /** Starts a source once its predecessor has ended, since the cursor may move until then. */
  #begin(trigger: TriggerRow, before: Promise<void>): void {
    const start = this.#host.starters[trigger.trigger_type] as StartSource
    const one: Running = {
      revision: trigger.revision,
      status: { state: 'starting', detail: '', since: this.#host.now() },
      source: before.then(() => one.ended ? null : start(this.#current(trigger), this.#contextOf(trigger, one))),
      ended: false,
    }
    this.#running.set(trigger.id, one)
  }

  #current(trigger: TriggerRow): TriggerRow {
    for (const row of this.#host.triggers()) if (row.id === trigger.id) return row
    return trigger
  }

  #end(one: Running): Promise<void> {
    one.ended = true
    return one.source.then((source) => source?.stop())
      .catch((error: unknown) => this.#host.log('error', 'a source could not be stopped', { error: String(error) }))
  }

  #contextOf(trigger: TriggerRow, one: Running): SourceContext {
    const { id } = trigger
    const host = this.#host
    const log: SourceContext['log'] = (level, message, details = {}) =>
      host.log(level, message, { trigger: id, ...details })
    return {
      log,
      setStatus(state, detail) {
        if (one.status.state === state && one.status.detail === detail) return
        one.status = { state, detail, since: host.now() }
        if (state === 'error') log('warn', 'a trigger cannot listen', { reason: detail })
      },
      async emit(event) {
        return one.ended ? 'later' : await fireFromSource({ ...host, log }, trigger, event)
      },
      async saveCursor(cursor) {
        if (one.ended) return 'later'
        return handled(await host.request((reply) => ({ type: 'trigger.read', reply, trigger: id, cursor })), log)
      },
    }
  }
}

/** Fires a trigger with an event of its source. Answers as `SourceContext.emit`. */
export async function fireFromSource(
  { request, rowId, log }: Pick<SourceHost, 'request' | 'rowId' | 'log'>,
  { id, trigger_type }: TriggerRow,
  { payload, metadata, cursor = null, dedupeKey = null, screening = null }: SourceEvent,
): Promise<'done' | 'later'> {
  const answer = await request(fireTrigger({ rowId }, {
    trigger: id,
    as: trigger_type,
    payload: cleanText(payload),
    metadata: cleanText(metadata),
    idempotency: dedupeKey === null ? null : onceBy(id, 'source', dedupeKey),
    cursor,
    screening,
  }))
  return handled(answer, log)
}

function handled(answer: Reply, log: SourceContext['log']): 'done' | 'later' {
  if (answer.type !== 'refusal') return 'done'
  const { refused, message } = answer.refusal
  if (REFUSALS[refused].retry) return 'later'
  log('warn', 'an event was refused', { code: refused, reason: message })
  return 'done'
}
