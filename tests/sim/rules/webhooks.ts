import type { WebhookRequest } from '../../../core/turn.ts'
import type { DeliveryRow, WebhookRow } from '../../../core/records/webhook.ts'
import type { Truth } from '../truth/truth.ts'
import type { Rule } from './rule.ts'
import { demand, same } from '../violation.ts'
import type { HistoryRow } from '../../../core/records/job-history.ts'

/** Rules about webhooks: no event is lost, none is sent before it is durable, and nothing is repeated for ever. */

/** The event for each end of a job, written down a second time. */
const ENDINGS: Readonly<Partial<Record<HistoryRow['event'], string>>> = {
  complete: 'job.completed',
  fail: 'job.failed',
  cancel: 'job.cancelled',
  expire: 'job.timeout',
}

/** I41: the end of a job is on disk together with the delivery to each subscribed webhook. */
const endsAreDelivered: Rule = ({ truth, change }) => {
  for (const entry of change.history) {
    const name = ENDINGS[entry.event]
    if (name === undefined || entry.from_status === entry.to_status) continue
    for (const [id, former] of change.webhooks.former) {
      const present = truth.webhooks.rows.get(id)
      // One that was changed in this very turn may or may not have been asking for it at that moment.
      if (present === undefined || !sameSubscription(former, present) || !former.enabled || !present.enabled) continue
      const job = truth.jobs.get(entry.job_id)
      if (present.workflow_id !== null && present.workflow_id !== job?.workflow_id) continue
      if (!present.events.some((one) => one === '*' || one === 'job.*' || one === name)) continue
      const delivered = change.webhooks.deliveries.some(({ before, after }) =>
        before === undefined && after.webhook_id === id && after.event === name &&
        after.payload.includes(`"job_id":"${entry.job_id}"`)
      )
      demand(delivered, 'I41', () => `${entry.job_id} has ended as ${name}, and ${id} will never be told`)
    }
  }
}

function sameSubscription(a: WebhookRow, b: WebhookRow): boolean {
  return same([a.events, a.workflow_id], [b.events, b.workflow_id])
}

/** I42: one id stands for one thing. I43: what is pending has a time, what is not has been taken or given up. */
const deliveriesAreTrue: Rule = ({ truth, change }) => {
  const { deliveryBackoffMs } = truth.settings
  for (const { before, after } of change.webhooks.deliveries) {
    const isSame = before === undefined || before.payload === after.payload
    demand(isSame, 'I42', () => `${after.id} stands for two things`)
    demand((after.status === 'pending') === (after.next_at !== null), 'I43', () => `${after.id} has the wrong time`)
    const taken = after.status !== 'delivered' || truth.webhooks.accepted.has(after.id)
    demand(taken, 'I43', () => `${after.id} is said to be delivered, and nobody has it`)
    const most = deliveryBackoffMs.length + 1
    demand(after.attempt <= most, 'I43', () => `${after.id} was tried ${after.attempt} times`)
    const given = after.status !== 'failed' || after.attempt === most || after.status_code === 410
    demand(given, 'I43', () => `${after.id} was given up after ${after.attempt} tries`)
    if (before === undefined || after.status !== 'pending' || after.attempt === 0) continue
    // From the turn on: the clock may have been set while its commit was under way.
    const wait = (after.next_at ?? 0) - change.turnAt
    const least = Math.floor((deliveryBackoffMs[after.attempt - 1] ?? 0) * 0.75)
    demand(wait >= least, 'I43', () => `try ${after.attempt + 1} of ${after.id} comes after ${wait} ms`)
  }
}

/** I5: what was just written of a delivery is in memory, if it is pending and its webhook enabled, and not too far off. */
const deliveriesAreCached: Rule = ({ state, change }) => {
  for (const { after } of change.webhooks.deliveries) {
    const queue = state?.deliveries.queues.get(after.webhook_id)
    if (queue === undefined) continue
    const memory = queue.waiting.get(after.id) ?? queue.inFlight.get(after.id)?.row
    const wanted = after.next_at !== null &&
      (queue.loadedUpTo === null || isWithin(after, queue.loadedUpTo) || memory !== undefined)
    const right = memory?.next_at === (wanted ? after.next_at : undefined)
    demand(right, 'I5', () => `${after.id} is due at ${after.next_at}, and in memory at ${memory?.next_at}`)
  }
}

/**
 * I5: the first due deliveries of each enabled webhook are in memory, equal to those on disk; I37: and not too many.
 */
const queuesAreACache: Rule = ({ truth, state, change, whole }) => {
  if (state === null || (!whole && !change.webhooks.changed)) return
  const { deliveries: queues, webhooks } = state
  const present = truth.webhooks.rows
  const cached = webhooks.size === present.size && [...present].every(([id, row]) => same(row, webhooks.get(id)))
  demand(cached, 'I5', () => 'webhooks are not in memory as they are on the disk')
  let calls = 0
  for (const webhook of truth.webhooks.rows.values()) {
    const queue = queues.queues.get(webhook.id)
    demand((queue !== undefined) === webhook.enabled, 'I5', () => `${webhook.id} has a lane that it should not have`)
    if (queue === undefined) continue
    const { loadedUpTo, waiting, inFlight } = queue
    let near = 0
    for (const id of truth.webhooks.pending) {
      const row = truth.webhooks.deliveries.get(id)
      if (row?.webhook_id !== webhook.id) continue
      const memory = waiting.get(id) ?? inFlight.get(id)?.row
      if (memory === undefined && loadedUpTo !== null && !isWithin(row, loadedUpTo)) continue
      near++
      const where = `${id} of ${webhook.id} is due at ${row.next_at}`
      demand(memory?.next_at === row.next_at, 'I5', () => `${where}, and in memory at ${memory?.next_at}`)
    }
    const count = waiting.size + inFlight.size
    demand(count === near, 'I5', () => `${webhook.id}: ${near} on the disk, ${count} in memory`)
    const few = waiting.size <= 128 && inFlight.size <= truth.settings.webhookRequestsMaxEach
    demand(few, 'I37', () => `${count} deliveries are in memory`)
    calls += inFlight.size
  }
  // Beyond the total each webhook may have one.
  const most = truth.settings.webhookRequestsMax + truth.webhooks.rows.size
  demand(
    calls === queues.requestsInFlight && calls <= most,
    'I39',
    () => `${queues.requestsInFlight} calls are counted, ${calls} are under way`,
  )
}

function isWithin(row: DeliveryRow, loadedUpTo: { readonly at: number; readonly seq: number }): boolean {
  return (row.next_at ?? 0) < loadedUpTo.at || (row.next_at === loadedUpTo.at && row.seq <= loadedUpTo.seq)
}

/** I2, I42, I43: what is sent is on the disk at that moment, always the same, not for ever, and not to whom it is not for. */
export function checkCall(truth: Truth, call: WebhookRequest): void {
  const { webhooks, disk, settings } = truth
  const row = disk.tables.deliveries.get(call.delivery)
  demand(row?.payload === call.body, 'I2', () => `${call.delivery} is sent, of which the disk knows nothing`)
  // It may have been disabled by a turn that was under way; then the call belongs to an earlier one.
  const known = disk.tables.webhooks.get(call.webhook)
  demand(
    row.webhook_id === call.webhook && known !== undefined,
    'I2',
    () => `${call.delivery} goes to the wrong webhook`,
  )
  const first = webhooks.bodies.get(call.delivery)
  demand(first === undefined || first === call.body, 'I42', () => `${call.delivery} is sent with two bodies`)
  const tries = (settings.deliveryBackoffMs.length + 1) * (1 + (webhooks.replays.get(call.delivery) ?? 0))
  const times = (webhooks.calls.get(call.delivery) ?? 0) + 1
  demand(times <= tries + webhooks.serverStarts, 'I43', () => `${call.delivery} is sent for the ${times}th time`)
}

export const WEBHOOK_RULES: readonly Rule[] = [
  endsAreDelivered,
  deliveriesAreTrue,
  deliveriesAreCached,
  queuesAreACache,
]
