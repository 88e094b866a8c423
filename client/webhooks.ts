import type { InputOf, NewWebhook as Webhook } from '../core/api/request.ts'
import type { DeliveryView, NewWebhookView, WebhookView } from '../core/api/webhook-view.ts'
import { Resource } from './resources.ts'
import type { CallOptions } from './transport.ts'

export type NewWebhook = InputOf<typeof Webhook>

export interface DeliveryQuery extends CallOptions {
  /** `failed` is the list of those that were given up. */
  readonly status?: DeliveryView['status'] | undefined
}

/** Who is told of what happens, and what they were told. */
export class Webhooks extends Resource {
  list(options: CallOptions = {}): AsyncGenerator<WebhookView, void, undefined> {
    return this.transport.list(this.root, {}, options)
  }

  get(id: string, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('GET', this.at(id), options)
  }

  /** The secret that requests are signed with is in the answer, this once. */
  create(webhook: NewWebhook, options: CallOptions = {}): Promise<NewWebhookView> {
    return this.transport.send('POST', this.root, { ...options, body: webhook })
  }

  update(id: string, webhook: NewWebhook, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('PUT', this.at(id), { ...options, body: webhook })
  }

  /** With all that it was and was still to be told. */
  delete(id: string, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('DELETE', this.at(id), options)
  }

  /** Told first what was pending when it was disabled. */
  enable(id: string, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('POST', `${this.at(id)}/enable`, { ...options, repeatable: true })
  }

  disable(id: string, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('POST', `${this.at(id)}/disable`, { ...options, repeatable: true })
  }

  /** Sends a `webhook.ping`, whatever it listens to. */
  test(id: string, options: CallOptions = {}): Promise<DeliveryView> {
    return this.transport.send('POST', `${this.at(id)}/test`, options)
  }

  /** Another secret, shown this once. Requests are signed with the former one too for a day. */
  rotate(id: string, options: CallOptions = {}): Promise<NewWebhookView> {
    return this.transport.send('POST', `${this.at(id)}/rotate`, options)
  }

  /** What it was told, the newest first. */
  deliveries(id: string, { status, ...options }: DeliveryQuery = {}): AsyncGenerator<DeliveryView, void, undefined> {
    return this.transport.list(`${this.at(id)}/deliveries`, { status }, options)
  }

  delivery(id: string, delivery: string, options: CallOptions = {}): Promise<DeliveryView> {
    return this.transport.send('GET', `${this.at(id)}/deliveries/${encodeURIComponent(delivery)}`, options)
  }

  /** Tells it once more, under the same id. */
  replay(id: string, delivery: string, options: CallOptions = {}): Promise<DeliveryView> {
    return this.transport.send('POST', `${this.at(id)}/deliveries/${encodeURIComponent(delivery)}/replay`, options)
  }
}
