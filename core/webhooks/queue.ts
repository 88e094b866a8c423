import type { Turn } from '../turn.ts'
import { Heap } from '../base/heap.ts'
import type { DeliveryId, Millis, WebhookId } from '../base/ids.ts'
import { DELIVERY_PAGE, WEBHOOK_LAG_MS, WEBHOOK_LAG_REPORT_MS, WEBHOOK_REQUEST_MS } from '../settings.ts'
import type { State } from '../state.ts'
import { type DeliveryRow, listenersOf, type WebhookRow } from '../records/webhook.ts'
import type { DeliveryQueue, DeliveryQueues, DueOrder } from '../indexes.ts'
import type { DeliveryPageRequest } from '../prefetch.ts'

/** Sorts before every delivery. */
const BEFORE_ALL: DueOrder = { at: -1, seq: -1 }

/** Without webhooks and deliveries. */
export function newDeliveryQueues(): DeliveryQueues {
  return {
    listeners: new Map(),
    queues: new Map(),
    ready: new Set(),
    needsPage: new Set(),
    requestsInFlight: 0,
    requests: 0,
    pagedIn: 0,
  }
}

/** Changes a webhook. The only function that does. */
export function saveWebhook(state: State, webhook: WebhookRow, turn: Turn): void {
  const before = state.webhooks.get(webhook.id)
  state.webhooks.set(webhook.id, webhook)
  turn.out.rows.webhooks.set(webhook.id, webhook)
  if (!webhook.enabled) closeQueue(state, webhook.id)
  // Events during the time it was disabled were not recorded. Deliveries that were pending before are still on disk, so
  // start paging from the first.
  else if (before?.enabled !== true) openQueue(state, webhook.id, before === undefined ? null : BEFORE_ALL)
  state.deliveries.listeners = listenersOf(state.webhooks.values())
}

/** Deletes a webhook with all its deliveries. */
export function deleteWebhook(state: State, id: WebhookId, turn: Turn): void {
  const { rows, deletions } = turn.out
  state.webhooks.delete(id)
  closeQueue(state, id)
  state.deliveries.listeners = listenersOf(state.webhooks.values())
  rows.webhooks.delete(id)
  for (const row of rows.deliveries.values()) if (row.webhook_id === id) rows.deliveries.delete(row.id)
  deletions.webhooks.add(id)
}

/** Changes a delivery. The only function that does. */
export function saveDelivery(state: State, row: DeliveryRow, turn: Turn): void {
  turn.out.rows.deliveries.set(row.id, row)
  const queue = state.deliveries.queues.get(row.webhook_id)
  if (queue === undefined || row.next_at === null) return
  if (queue.loadedUpTo !== null && !isBefore(dueOrderOf(row), queue.loadedUpTo)) return
  queue.waiting.set(row.id, row)
  evictTail(queue)
  state.deliveries.ready.add(row.webhook_id)
}

/** Loads webhooks, and the first due deliveries of each enabled one, one more than a page. */
export function loadDeliveryQueues(
  state: State,
  webhooks: readonly WebhookRow[],
  deliveries: readonly DeliveryRow[],
): void {
  for (const webhook of webhooks) {
    state.webhooks.set(webhook.id, webhook)
    if (webhook.enabled) openQueue(state, webhook.id, null)
  }
  state.deliveries.listeners = listenersOf(webhooks)
  for (const [id, queue] of state.deliveries.queues) {
    takePage(queue, deliveries.filter((row) => row.webhook_id === id))
    const first = queue.waiting.peek()?.next_at
    if (first != null) state.timers.set('webhook.due', id, first)
  }
}

/** The pages to fetch from the store. */
export function neededPages({ deliveries }: State): readonly DeliveryPageRequest[] {
  return deliveries.needsPage.size === 0 ? NO_PAGES : [...deliveries.needsPage].map((webhook) => {
    const { at, seq } = deliveries.queues.get(webhook)?.loadedUpTo ?? BEFORE_ALL
    return { webhook, at, seq }
  })
}

const NO_PAGES: readonly DeliveryPageRequest[] = []

/** Adds the fetched pages, once in a turn, before anything else in it. */
export function takePages(state: State, turn: Turn): void {
  const { deliveries } = state
  if (turn.prefetched.pages.size === 0 || deliveries.pagedIn === turn.out.turn) return
  deliveries.pagedIn = turn.out.turn
  for (const [id, rows] of turn.prefetched.pages) {
    const queue = deliveries.queues.get(id)
    if (queue === undefined || !deliveries.needsPage.delete(id)) continue
    takePage(queue, rows)
    deliveries.ready.add(id)
  }
  state.timers.cancel('webhook.page', '')
}

/**
 * Moves due times after the clock was set, so that they are as far off as before. The store does the same to its rows.
 */
export function shiftDeliveryQueues({ deliveries }: State, by: Millis): void {
  const later = (row: DeliveryRow): DeliveryRow => (row.next_at === null ? row : { ...row, next_at: row.next_at + by })
  for (const queue of deliveries.queues.values()) {
    for (const row of queue.waiting.values()) queue.waiting.set(row.id, later(row))
    for (const [id, { row, call: request }] of queue.inFlight) {
      queue.inFlight.set(id, { row: later(row), call: request })
    }
    if (queue.lagReportedAt !== null) queue.lagReportedAt += by
    if (queue.loadedUpTo !== null && queue.loadedUpTo !== BEFORE_ALL) {
      queue.loadedUpTo = { at: queue.loadedUpTo.at + by, seq: queue.loadedUpTo.seq }
    }
  }
}

/** Sends due deliveries. Runs after every event; nearly always there is nothing to check. */
export function sendDue(state: State, turn: Turn): void {
  const { deliveries } = state
  if (deliveries.ready.size === 0 || state.draining) return
  const ready = [...deliveries.ready]
  deliveries.ready.clear()
  for (const id of ready) {
    const webhook = state.webhooks.get(id)
    const queue = deliveries.queues.get(id)
    if (webhook !== undefined && queue !== undefined) serve(state, webhook, queue, turn)
  }
}

/**
 * Removes a finished call from those in flight. Returns the row that was sent, or undefined if nothing waits for the call any more.
 */
export function takeInFlight(
  state: State,
  webhook: WebhookId,
  delivery: DeliveryId,
  request?: number,
): DeliveryRow | undefined {
  const { deliveries } = state
  const queue = deliveries.queues.get(webhook)
  const flight = queue?.inFlight.get(delivery)
  if (queue === undefined || flight === undefined || (request !== undefined && flight.call !== request)) {
    return undefined
  }
  queue.inFlight.delete(delivery)
  deliveries.requestsInFlight--
  state.timers.cancel('webhook.request', requestTimer(webhook, delivery))
  deliveries.ready.add(webhook)
  return flight.row
}

/** The id of a `webhook.request` timer. */
function requestTimer(webhook: WebhookId, delivery: DeliveryId): string {
  return `${webhook} ${delivery}`
}

/**
 * Sends as many as may be in flight. A webhook that keeps failing gets one at a time. Each may have one in flight
 * however many others have: receivers that are slow to answer cannot take every place for themselves.
 */
function serve(state: State, webhook: WebhookRow, queue: DeliveryQueue, turn: Turn): void {
  const { deliveries, timers, settings } = state
  const most = webhook.failing_since === null ? settings.webhookRequestsMaxEach : 1
  let next = queue.waiting.peek()
  while (next !== undefined && (next.next_at ?? 0) <= turn.now && queue.inFlight.size < most) {
    if (deliveries.requestsInFlight >= settings.webhookRequestsMax && queue.inFlight.size > 0) {
      deliveries.ready.add(webhook.id)
      break
    }
    queue.waiting.delete(next.id)
    sendRequest(state, webhook, queue, next, turn)
    next = queue.waiting.peek()
  }
  if (next?.next_at == null || next.next_at <= turn.now) timers.cancel('webhook.due', webhook.id)
  else timers.set('webhook.due', webhook.id, next.next_at)
  if (queue.loadedUpTo !== null && queue.waiting.size <= DELIVERY_PAGE / 2) requestPage(state, webhook.id, turn.now)
  reportLag(webhook, queue, next, turn)
}

/** Writes into the log that a webhook has fallen behind, once in a while, and that it has caught up. */
function reportLag({ id }: WebhookRow, queue: DeliveryQueue, next: DeliveryRow | undefined, turn: Turn): void {
  const { lagReportedAt, loadedUpTo } = queue
  // More is on the disk, and not known yet.
  if (next === undefined && loadedUpTo !== null) return
  const late_ms = turn.now - (next?.next_at ?? turn.now)
  if (late_ms <= WEBHOOK_LAG_MS) {
    queue.lagReportedAt = null
    if (lagReportedAt !== null) turn.out.warnings.push({ message: 'a webhook has caught up', details: { webhook: id } })
    return
  }
  if (lagReportedAt !== null && turn.now - lagReportedAt < WEBHOOK_LAG_REPORT_MS) return
  queue.lagReportedAt = turn.now
  turn.out.warnings.push({
    message: 'a webhook lags behind: its receiver takes less than what happens',
    details: { webhook: id, late_ms, in_flight: queue.inFlight.size },
  })
}

function sendRequest(state: State, webhook: WebhookRow, queue: DeliveryQueue, row: DeliveryRow, turn: Turn): void {
  const { deliveries } = state
  const request = ++deliveries.requests
  deliveries.requestsInFlight++
  queue.inFlight.set(row.id, { row, call: request })
  // By then the call is over in any case: the shell gives up sooner.
  state.timers.set('webhook.request', requestTimer(webhook.id, row.id), turn.now + 2 * WEBHOOK_REQUEST_MS)
  const { former_secret, former_secret_until } = webhook
  const former = former_secret !== null && turn.now < (former_secret_until ?? 0) ? [former_secret] : []
  turn.out.requests.push({
    request,
    webhook: webhook.id,
    delivery: row.id,
    url: webhook.url,
    secrets: [webhook.secret, ...former],
    body: row.payload,
  })
}

function openQueue(state: State, id: WebhookId, loadedUpTo: DueOrder | null): void {
  state.deliveries.queues.set(id, {
    waiting: new Heap((a, b) => isBefore(dueOrderOf(a), dueOrderOf(b))),
    inFlight: new Map(),
    loadedUpTo,
    lagReportedAt: null,
  })
  // The page arrives with the next turn.
  if (loadedUpTo !== null) requestPage(state, id, 0)
}

function closeQueue(state: State, id: WebhookId): void {
  const { deliveries, timers } = state
  const queue = deliveries.queues.get(id)
  if (queue === undefined) return
  for (const delivery of queue.inFlight.keys()) timers.cancel('webhook.request', requestTimer(id, delivery))
  deliveries.requestsInFlight -= queue.inFlight.size
  deliveries.queues.delete(id)
  deliveries.ready.delete(id)
  deliveries.needsPage.delete(id)
  timers.cancel('webhook.due', id)
}

function requestPage(state: State, id: WebhookId, at: Millis): void {
  state.deliveries.needsPage.add(id)
  state.timers.set('webhook.page', '', at)
}

/** Adds rows after the loaded ones, in order: one more than a page if there are further ones. */
function takePage(queue: DeliveryQueue, rows: readonly DeliveryRow[]): void {
  const page = rows.slice(0, DELIVERY_PAGE)
  for (const row of page) if (!queue.inFlight.has(row.id)) queue.waiting.set(row.id, row)
  const last = page.at(-1)
  queue.loadedUpTo = rows.length > DELIVERY_PAGE && last !== undefined ? dueOrderOf(last) : null
}

/** Evicts the deliveries that are due last if there are more than two pages. */
function evictTail(queue: DeliveryQueue): void {
  if (queue.waiting.size <= 2 * DELIVERY_PAGE) return
  const rows = [...queue.waiting.values()].sort((a, b) => isBefore(dueOrderOf(a), dueOrderOf(b)) ? -1 : 1)
  for (const row of rows.slice(DELIVERY_PAGE)) queue.waiting.delete(row.id)
  queue.loadedUpTo = dueOrderOf(rows[DELIVERY_PAGE - 1] as DeliveryRow)
}

function dueOrderOf({ next_at, seq }: DeliveryRow): DueOrder {
  return { at: next_at ?? 0, seq }
}

function isBefore(a: DueOrder, b: DueOrder): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}
