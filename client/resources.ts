import type { FileOutcome, FileReport, FileReportView } from '../core/trigger-types/file-watch.ts'
import type { InputOf } from '../core/api/route.ts'
import type { ManualFiring as TriggerFiring, NewTrigger as Trigger } from '../core/api/request.ts'
import type { FiringView, NewTriggerView, TriggerEventView, TriggerView } from '../core/api/trigger-view.ts'
import { newIdempotencyKey } from './idempotency.ts'
import type { SubmitOptions } from './jobs.ts'
import type { CallOptions, Transport } from './transport.ts'

/** Every resource except jobs. `docs/API.md` describes the route of each. */

export type NewTrigger = InputOf<typeof Trigger>
export type Firing = InputOf<typeof TriggerFiring>
/** A change to a file on the reporter's own machine. */
export type FileEvent = InputOf<typeof FileReport>['events'][number]

/** The base of all resources: the transport and the root of their routes. */
export class Resource {
  protected readonly transport: Transport
  protected readonly root: string

  constructor(transport: Transport, root: string) {
    this.transport = transport
    this.root = root
  }

  protected at(id: string): string {
    return `${this.root}/${encodeURIComponent(id)}`
  }
}

/** Triggers: they start workflows on events from outside. */
export class Triggers extends Resource {
  list(options: CallOptions = {}): AsyncGenerator<TriggerView, void, undefined> {
    return this.transport.list(this.root, {}, options)
  }

  get(id: string, options: CallOptions = {}): Promise<TriggerView> {
    return this.transport.send('GET', this.at(id), options)
  }

  /** Creates a trigger. The secret that callers must send is in this answer only. */
  create(trigger: NewTrigger, options: CallOptions = {}): Promise<NewTriggerView> {
    return this.transport.send('POST', this.root, { ...options, body: trigger })
  }

  /**
   * Replaces the trigger's fields; a field left out gets its default. The type stays, and so does the secret unless one
   * is given.
   */
  update(id: string, trigger: NewTrigger, options: CallOptions = {}): Promise<NewTriggerView> {
    return this.transport.send('PUT', this.at(id), { ...options, body: trigger })
  }

  /** Deletes the trigger and its events. Its jobs continue. */
  delete(id: string, options: CallOptions = {}): Promise<TriggerView> {
    return this.transport.send('DELETE', this.at(id), options)
  }

  enable(id: string, options: CallOptions = {}): Promise<TriggerView> {
    return this.transport.send('POST', `${this.at(id)}/enable`, { ...options, repeatable: true })
  }

  disable(id: string, options: CallOptions = {}): Promise<TriggerView> {
    return this.transport.send('POST', `${this.at(id)}/disable`, { ...options, repeatable: true })
  }

  /** Fires a trigger of any type by hand. As with `jobs.submit`, a repeat after a lost answer makes no second job. */
  fire(
    id: string,
    event: Firing = {},
    { idempotencyKey = newIdempotencyKey(), signal }: SubmitOptions = {},
  ): Promise<FiringView> {
    const headers = { 'Idempotency-Key': idempotencyKey }
    return this.transport.send('POST', `${this.at(id)}/fire`, { body: event, headers, repeatable: true, signal })
  }

  /**
   * Reports file changes to a `file_watch` trigger with `reported: true`; a robot's key may do this too. The outcomes
   * are in the order of the events. A repeat after a lost answer makes no second job.
   */
  async reportFiles(
    id: string,
    events: readonly FileEvent[],
    { idempotencyKey = newIdempotencyKey(), signal }: SubmitOptions = {},
  ): Promise<readonly FileOutcome[]> {
    const body = { body: { events }, headers: { 'Idempotency-Key': idempotencyKey }, repeatable: true, signal }
    return (await this.transport.send<FileReportView>('POST', `${this.at(id)}/file-events`, body)).items
  }

  /** The events that reached a trigger with their outcomes, newest first. */
  events(id: string, options: CallOptions = {}): AsyncGenerator<TriggerEventView, void, undefined> {
    return this.transport.list(`${this.at(id)}/events`, {}, options)
  }
}
