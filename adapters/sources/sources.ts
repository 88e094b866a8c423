import type { Answer } from '../../core/effects.ts'
import type { Event } from '../../core/event.ts'
import type { JobId, Millis, ReplyId, TriggerId } from '../../core/ids.ts'
import type { JsonObject } from '../../core/protocol/json.ts'
import { REFUSALS } from '../../core/protocol/refusal.ts'
import type { TriggerType } from '../../core/protocol/trigger.ts'
import type { TriggerRow } from '../../core/trigger.ts'
import { sha256 } from '../secret.ts'
import { cleanText } from './text.ts'

/** Something that listens for one trigger: a watched folder, a mailbox. */
export interface Source {
  /** Nothing is told any more once this has resolved. */
  stop(): Promise<void>
}

/** Begins to listen for a trigger, from its cursor on. Must not throw: what is wrong is a status. */
export type StartSource = (trigger: TriggerRow, tell: Tell) => Source

/** Something that has come for a trigger. */
export interface Given {
  readonly payload: JsonObject
  readonly metadata: JsonObject
  readonly cursor?: string | null
  readonly once?: string | null
}

/** What a source has to say. */
export interface Tell {
  /**
   * Something has come. `done`: it has fired, was skipped, or is refused for good, and it is durable that it was: go on.
   * `later`: the orchestrator could not take it, and the same is to be told again. With a cursor this is never told
   * again after a restart; with `once`, not again within a day.
   */
  fire(given: Given): Promise<'done' | 'later'>
  /** The source has come to this place, and there was nothing for the trigger on the way. */
  keep(cursor: string): Promise<'done' | 'later'>
  /** Whether it can listen; what is in the way, in words for people. */
  status(state: SourceState, detail: string): void
  log(level: 'info' | 'warn' | 'error', message: string, details?: object): void
}

type SourceState = 'starting' | 'active' | 'error'

/** How it stands with a source. */
export interface SourceStatus {
  readonly state: SourceState
  readonly detail: string
  /** Since when. */
  readonly since: Millis
}

/** Which types of trigger have a source here, and how each begins. */
export type SourceKinds = { readonly [T in TriggerType]?: StartSource }

/** Those of one fleet. */
export interface Sources {
  /** The triggers may have changed: those that are enabled are listened for, as they are now, and no others. */
  look(): void
  status(trigger: TriggerId): SourceStatus | null
  /** Ends all of them; `look` does nothing any more. */
  stop(): Promise<void>
}

/** What sources need of their fleet. */
export interface SourceHost {
  readonly kinds: SourceKinds
  triggers(): Iterable<TriggerRow>
  request(make: (reply: ReplyId) => Event): Promise<Answer>
  now(): Millis
  rowId(): string
  log: Tell['log']
}

interface Running {
  readonly revision: number
  status: SourceStatus
  /** Resolves to what is to be stopped, once what listened before it has ended. */
  readonly source: Promise<Source | null>
  ended: boolean
}

/** Sources for the triggers of a fleet. Nothing listens before the first `look`. */
export function runSources(host: SourceHost): Sources {
  const running = new Map<TriggerId, Running>()
  let stopped = false

  function end(one: Running): Promise<void> {
    one.ended = true
    return one.source.then((source) => source?.stop())
      .catch((error: unknown) => host.log('error', 'a source could not be stopped', { error: String(error) }))
  }

  function begin(trigger: TriggerRow, start: StartSource, before: Promise<void>): void {
    const one: Running = {
      revision: trigger.revision,
      status: { state: 'starting', detail: '', since: host.now() },
      // Its place may have moved while what listened before it came to an end.
      source: before.then(() => one.ended ? null : start(current(trigger), tellOf(trigger, one))),
      ended: false,
    }
    running.set(trigger.id, one)
  }

  function current(trigger: TriggerRow): TriggerRow {
    for (const row of host.triggers()) if (row.id === trigger.id) return row
    return trigger
  }

  function tellOf(trigger: TriggerRow, one: Running): Tell {
    const { id } = trigger
    const log: Tell['log'] = (level, message, details = {}) => host.log(level, message, { trigger: id, ...details })
    return {
      log,
      status(state, detail) {
        if (one.status.state === state && one.status.detail === detail) return
        one.status = { state, detail, since: host.now() }
        if (state === 'error') log('warn', 'a trigger cannot listen', { reason: detail })
      },
      async fire(given) {
        return one.ended ? 'later' : await fireTrigger({ ...host, log }, trigger, given)
      },
      async keep(cursor) {
        if (one.ended) return 'later'
        return taken(await host.request((reply) => ({ type: 'trigger.read', reply, trigger: id, cursor })), log)
      },
    }
  }

  return {
    look() {
      if (stopped) return
      const wanted = new Map<TriggerId, TriggerRow>()
      for (const row of host.triggers()) if (row.enabled && host.kinds[row.trigger_type]) wanted.set(row.id, row)
      // What begins here is not to be looked at again.
      const before = [...running]
      for (const [id, one] of before) {
        const row = wanted.get(id)
        if (row?.revision === one.revision) wanted.delete(id)
        else {
          running.delete(id)
          const ended = end(one)
          const start = row && host.kinds[row.trigger_type]
          if (row !== undefined && start !== undefined) begin(row, start, ended)
          wanted.delete(id)
        }
      }
      for (const row of wanted.values()) begin(row, host.kinds[row.trigger_type] as StartSource, Promise.resolve())
    },
    status: (trigger) => running.get(trigger)?.status ?? null,
    async stop() {
      stopped = true
      await Promise.all([...running.values()].map(end))
      running.clear()
    },
  }
}

/** Fires a trigger with what has come for it. The answer is that of `Tell.fire`. */
export async function fireTrigger(
  { request, rowId, log }: Pick<SourceHost, 'request' | 'rowId' | 'log'>,
  { id, trigger_type }: TriggerRow,
  { payload, metadata, cursor = null, once = null }: Given,
): Promise<'done' | 'later'> {
  const answer = await request((reply) => ({
    type: 'trigger.fired',
    reply,
    job: rowId() as JobId,
    trigger: id,
    as: trigger_type,
    by: null,
    payload: cleanText(payload),
    metadata: cleanText(metadata),
    idempotency: once === null
      ? null
      : { key: sha256(JSON.stringify([id, 'source', once])), fingerprint: sha256(once) },
    cursor,
    parent: null,
  }))
  return taken(answer, log)
}

function taken(answer: Answer, log: Tell['log']): 'done' | 'later' {
  if (answer.type !== 'refusal') return 'done'
  const { refused, message } = answer.refusal
  if (REFUSALS[refused].retry) return 'later'
  log('warn', 'an event was refused', { code: refused, reason: message })
  return 'done'
}
