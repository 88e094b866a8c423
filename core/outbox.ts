import type { Page, Turn } from './effects.ts'
import { Heap } from './heap.ts'
import type { DeliveryId, Millis, WebhookId } from './ids.ts'
import { CALL_MS, CALLS_MAX, CALLS_MAX_EACH, LANE_PAGE } from './limits.ts'
import type { Announcement } from './protocol/announcement.ts'
import type { State } from './state.ts'
import { type DeliveryRow, listenersOf, type WebhookRow } from './webhook.ts'

/**
 * What is to be told to webhooks, and when. Of each webhook the deliveries that are due first are in memory, a page or
 * two; the others are on disk only, and come in when there is room. So a receiver that is down for a day fills the disk
 * and not memory, and does not stand in the way of another.
 */
export interface Outbox {
  listeners: ReadonlyMap<Announcement, readonly WebhookRow[]>
  /** Of the webhooks that are enabled. */
  readonly lanes: Map<WebhookId, Lane>
  /** Lanes that may have something to send: whoever was served goes to the end. */
  readonly touched: Set<WebhookId>
  /** Lanes with room for the next page. */
  readonly hungry: Set<WebhookId>
  /** Calls that are under way. */
  calls: number
  /** How many have been made since the beginning of this state: the number of the next one fences what is late. */
  made: number
  /** The turn that has taken the pages that came with it. */
  pagedIn: number
}

/** One webhook's pending deliveries. */
interface Lane {
  readonly waiting: Heap<DeliveryId, DeliveryRow>
  /** Sent, and not yet reported: on disk they are as they were, so that they are sent again after a crash. */
  readonly flying: Map<DeliveryId, { readonly row: DeliveryRow; readonly call: number }>
  /** Up to here all of them are in memory; null: all there are. */
  edge: Place | null
}

/** The order in which deliveries are due. */
interface Place {
  readonly at: Millis
  readonly seq: number
}

/** Before every delivery. */
const FIRST: Place = { at: -1, seq: -1 }

/** An outbox with nothing in it. */
export function newOutbox(): Outbox {
  return {
    listeners: new Map(),
    lanes: new Map(),
    touched: new Set(),
    hungry: new Set(),
    calls: 0,
    made: 0,
    pagedIn: 0,
  }
}

/** The only way a webhook changes. */
export function keepWebhook(state: State, webhook: WebhookRow, turn: Turn): void {
  const before = state.webhooks.get(webhook.id)
  state.webhooks.set(webhook.id, webhook)
  turn.out.rows.webhooks.set(webhook.id, webhook)
  if (!webhook.enabled) closeLane(state, webhook.id)
  // What it missed while it was disabled was not noted, but what was pending when that began is on disk still.
  else if (before?.enabled !== true) openLane(state, webhook.id, before === undefined ? null : FIRST)
  state.outbox.listeners = listenersOf(state.webhooks.values())
}

/** A webhook goes, and with it all that it was or was to be told. */
export function dropWebhook(state: State, id: WebhookId, turn: Turn): void {
  const { rows, deletions } = turn.out
  state.webhooks.delete(id)
  closeLane(state, id)
  state.outbox.listeners = listenersOf(state.webhooks.values())
  rows.webhooks.delete(id)
  for (const row of rows.deliveries.values()) if (row.webhook_id === id) rows.deliveries.delete(row.id)
  deletions.webhooks.add(id)
}

/** The only way a delivery changes. */
export function keepDelivery(state: State, row: DeliveryRow, turn: Turn): void {
  turn.out.rows.deliveries.set(row.id, row)
  const lane = state.outbox.lanes.get(row.webhook_id)
  if (lane === undefined || row.next_at === null) return
  if (lane.edge !== null && !isBefore(placeOf(row), lane.edge)) return
  lane.waiting.set(row.id, row)
  trim(lane)
  state.outbox.touched.add(row.webhook_id)
}

/** What is loaded: webhooks, and of each that is enabled the deliveries that are due first, one more than a page. */
export function loadOutbox(state: State, webhooks: readonly WebhookRow[], deliveries: readonly DeliveryRow[]): void {
  for (const webhook of webhooks) {
    state.webhooks.set(webhook.id, webhook)
    if (webhook.enabled) openLane(state, webhook.id, null)
  }
  state.outbox.listeners = listenersOf(webhooks)
  for (const [id, lane] of state.outbox.lanes) {
    takePage(lane, deliveries.filter((row) => row.webhook_id === id))
    const first = lane.waiting.peek()?.next_at
    if (first != null) state.timers.set('webhook.due', id, first)
  }
}

/** The pages that are wanted of the store. */
export function wantedPages({ outbox }: State): readonly Page[] {
  return outbox.hungry.size === 0 ? NO_PAGES : [...outbox.hungry].map((webhook) => {
    const { at, seq } = outbox.lanes.get(webhook)?.edge ?? FIRST
    return { webhook, at, seq }
  })
}

const NO_PAGES: readonly Page[] = []

/** Takes in what was fetched: once in a turn, before anything else happens in it. */
export function takePages(state: State, turn: Turn): void {
  const { outbox } = state
  if (turn.found.pages.size === 0 || outbox.pagedIn === turn.out.turn) return
  outbox.pagedIn = turn.out.turn
  for (const [id, rows] of turn.found.pages) {
    const lane = outbox.lanes.get(id)
    if (lane === undefined || !outbox.hungry.delete(id)) continue
    takePage(lane, rows)
    outbox.touched.add(id)
  }
  state.timers.cancel('webhook.page', '')
}

/** The clock was set: what is due is as long off as it was. The store does the same to the rows. */
export function moveOutbox({ outbox }: State, by: Millis): void {
  const later = (row: DeliveryRow): DeliveryRow => (row.next_at === null ? row : { ...row, next_at: row.next_at + by })
  for (const lane of outbox.lanes.values()) {
    for (const row of lane.waiting.values()) lane.waiting.set(row.id, later(row))
    for (const [id, { row, call }] of lane.flying) lane.flying.set(id, { row: later(row), call })
    if (lane.edge !== null && lane.edge !== FIRST) lane.edge = { at: lane.edge.at + by, seq: lane.edge.seq }
  }
}

/** Sends what is due. Called after every event, and nearly always there is nothing to look at. */
export function sendDue(state: State, turn: Turn): void {
  const { outbox } = state
  if (outbox.touched.size === 0 || state.draining) return
  const touched = [...outbox.touched]
  outbox.touched.clear()
  for (const id of touched) {
    const webhook = state.webhooks.get(id)
    const lane = outbox.lanes.get(id)
    if (webhook !== undefined && lane !== undefined) serve(state, webhook, lane, turn)
  }
}

/** A call has come back: it is no longer under way. The row that was sent, or undefined when it is not waited for. */
export function landed(state: State, webhook: WebhookId, delivery: DeliveryId, call?: number): DeliveryRow | undefined {
  const { outbox } = state
  const lane = outbox.lanes.get(webhook)
  const flight = lane?.flying.get(delivery)
  if (lane === undefined || flight === undefined || (call !== undefined && flight.call !== call)) return undefined
  lane.flying.delete(delivery)
  outbox.calls--
  state.timers.cancel('webhook.call', callId(webhook, delivery))
  outbox.touched.add(webhook)
  return flight.row
}

/** `webhook.call` timers name both. */
function callId(webhook: WebhookId, delivery: DeliveryId): string {
  return `${webhook} ${delivery}`
}

/** As many as may be under way, by turns. One that keeps failing is asked one thing at a time. */
function serve(state: State, webhook: WebhookRow, lane: Lane, turn: Turn): void {
  const { outbox, timers } = state
  const most = webhook.failing_since === null ? CALLS_MAX_EACH : 1
  let next = lane.waiting.peek()
  while (next !== undefined && (next.next_at ?? 0) <= turn.now && lane.flying.size < most) {
    if (outbox.calls >= CALLS_MAX) {
      outbox.touched.add(webhook.id)
      break
    }
    lane.waiting.delete(next.id)
    send(state, webhook, lane, next, turn)
    next = lane.waiting.peek()
  }
  if (next?.next_at == null || next.next_at <= turn.now) timers.cancel('webhook.due', webhook.id)
  else timers.set('webhook.due', webhook.id, next.next_at)
  if (lane.edge !== null && lane.waiting.size <= LANE_PAGE / 2) want(state, webhook.id, turn.now)
}

function send(state: State, webhook: WebhookRow, lane: Lane, row: DeliveryRow, turn: Turn): void {
  const { outbox } = state
  const call = ++outbox.made
  outbox.calls++
  lane.flying.set(row.id, { row, call })
  // Whatever becomes of the call, it is over then: the shell gives up sooner.
  state.timers.set('webhook.call', callId(webhook.id, row.id), turn.now + 2 * CALL_MS)
  const { former_secret, former_until } = webhook
  const former = former_secret !== null && turn.now < (former_until ?? 0) ? [former_secret] : []
  turn.out.calls.push({
    call,
    webhook: webhook.id,
    delivery: row.id,
    url: webhook.url,
    secrets: [webhook.secret, ...former],
    body: row.payload,
  })
}

function openLane(state: State, id: WebhookId, edge: Place | null): void {
  state.outbox.lanes.set(id, { waiting: new Heap((a, b) => isBefore(placeOf(a), placeOf(b))), flying: new Map(), edge })
  // The page comes with the next turn.
  if (edge !== null) want(state, id, 0)
}

function closeLane(state: State, id: WebhookId): void {
  const { outbox, timers } = state
  const lane = outbox.lanes.get(id)
  if (lane === undefined) return
  for (const delivery of lane.flying.keys()) timers.cancel('webhook.call', callId(id, delivery))
  outbox.calls -= lane.flying.size
  outbox.lanes.delete(id)
  outbox.touched.delete(id)
  outbox.hungry.delete(id)
  timers.cancel('webhook.due', id)
}

function want(state: State, id: WebhookId, at: Millis): void {
  state.outbox.hungry.add(id)
  state.timers.set('webhook.page', '', at)
}

/** Rows behind the edge, in order: one more than a page when there are more still. */
function takePage(lane: Lane, rows: readonly DeliveryRow[]): void {
  const page = rows.slice(0, LANE_PAGE)
  for (const row of page) if (!lane.flying.has(row.id)) lane.waiting.set(row.id, row)
  const last = page.at(-1)
  lane.edge = rows.length > LANE_PAGE && last !== undefined ? placeOf(last) : null
}

/** Beyond two pages, those that are due last are on disk only. */
function trim(lane: Lane): void {
  if (lane.waiting.size <= 2 * LANE_PAGE) return
  const rows = [...lane.waiting.values()].sort((a, b) => isBefore(placeOf(a), placeOf(b)) ? -1 : 1)
  for (const row of rows.slice(LANE_PAGE)) lane.waiting.delete(row.id)
  lane.edge = placeOf(rows[LANE_PAGE - 1] as DeliveryRow)
}

function placeOf({ next_at, seq }: DeliveryRow): Place {
  return { at: next_at ?? 0, seq }
}

function isBefore(a: Place, b: Place): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}
