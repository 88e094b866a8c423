import type { NewWebhook as Webhook } from '../core/api/request.ts'
import type { InputOf } from '../core/api/route.ts'
import type { DeliveryView, NewWebhookView, WebhookView } from '../core/api/webhook-view.ts'
import { Resource } from './resources.ts'
import type { CallOptions } from './transport.ts'

export type NewWebhook = InputOf<typeof Webhook>

export interface DeliveryQuery extends CallOptions {
  /** `failed` lists the deliveries that were given up. */
  readonly status?: DeliveryView['status'] | undefined
}

/** Webhooks: receivers of events, and the deliveries to them. */
export class Webhooks extends Resource {
  list(options: CallOptions = {}): AsyncGenerator<WebhookView, void, undefined> {
    return this.transport.list(this.root, {}, options)
  }

  get(id: string, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('GET', this.at(id), options)
  }

  /** Creates a webhook. The secret that signs its requests is in this answer only. */
  create(webhook: NewWebhook, options: CallOptions = {}): Promise<NewWebhookView> {
    return this.transport.send('POST', this.root, { ...options, body: webhook })
  }

  update(id: string, webhook: NewWebhook, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('PUT', this.at(id), { ...options, body: webhook })
  }

  /** Deletes the webhook with all its deliveries, pending ones too. */
  delete(id: string, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('DELETE', this.at(id), options)
  }

  /** Enables the webhook. Deliveries that were pending when it was disabled are sent first. */
  enable(id: string, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('POST', `${this.at(id)}/enable`, { ...options, repeatable: true })
  }

  disable(id: string, options: CallOptions = {}): Promise<WebhookView> {
    return this.transport.send('POST', `${this.at(id)}/disable`, { ...options, repeatable: true })
  }

  /** Sends a `webhook.ping`, whichever events the webhook subscribes to. */
  test(id: string, options: CallOptions = {}): Promise<DeliveryView> {
    return this.transport.send('POST', `${this.at(id)}/test`, options)
  }

  /** Makes a new secret, shown in this answer only. For a day, requests are signed with the former one too. */
  rotate(id: string, options: CallOptions = {}): Promise<NewWebhookView> {
    return this.transport.send('POST', `${this.at(id)}/rotate`, options)
  }

  /** The deliveries to a webhook, newest first. */
  deliveries(id: string, { status, ...options }: DeliveryQuery = {}): AsyncGenerator<DeliveryView, void, undefined> {
    return this.transport.list(`${this.at(id)}/deliveries`, { status }, options)
  }

  delivery(id: string, delivery: string, options: CallOptions = {}): Promise<DeliveryView> {
    return this.transport.send('GET', `${this.at(id)}/deliveries/${encodeURIComponent(delivery)}`, options)
  }

  /** Sends a delivery once more, under the same id. */
  replay(id: string, delivery: string, options: CallOptions = {}): Promise<DeliveryView> {
    return this.transport.send('POST', `${this.at(id)}/deliveries/${encodeURIComponent(delivery)}/replay`, options)
  }
}
