import { deepStrictEqual as same } from 'node:assert/strict'
import { BACKLOG_COUNT_MAX } from '../../adapters/store/contract.ts'
import { newestFirst } from '../../adapters/store/queries.ts'
import type { DeliveryId, WebhookId } from '../../core/base/ids.ts'
import { DELIVERY_PAGE } from '../../core/settings.ts'
import { DELIVERY_STATUSES, type DeliveryRow } from '../../core/records/webhook.ts'
import { prefetchOf } from '../../core/prefetch.ts'
import { type Disk, loaded, SOON } from './disk.ts'
import { row, turn } from './rows.ts'

const webhook = (id: string, enabled = true) => row('webhooks', { id, enabled })

/** Deliveries of a webhook, due one after another, two at a time. */
const pending = (webhook_id: string, count: number, from = 0): DeliveryRow[] =>
  Array.from({ length: count }, (_, i) =>
    row('deliveries', {
      id: `${webhook_id}-${String(from + i).padStart(4, '0')}`,
      webhook_id,
      seq: from + i,
      next_at: 1_000 + ((from + i) >> 1),
      created_at: from + i,
      status: 'pending',
    }))

const idsOf = (rows: readonly DeliveryRow[]): readonly string[] => rows.map(({ id }) => id)

/** The contract of a store for webhooks and deliveries. */
export const OUTBOX: Readonly<Record<string, (disk: Disk) => Promise<void>>> = {
  async 'of each webhook that is enabled the deliveries that are due first are loaded, and no more'(disk) {
    const store = await loaded(disk)
    const many = pending('a', DELIVERY_PAGE + 20)
    const few = pending('b', 3, 500)
    const ended = row('deliveries', { id: 'ended', webhook_id: 'a', seq: 900, status: 'delivered' })
    await store.commit(turn(1, {
      webhooks: [webhook('a'), webhook('b'), webhook('off', false)],
      deliveries: [...many.toReversed(), ...few, ...pending('off', 3, 700), ended],
    }))
    const rows = await store.load(SOON)
    same(idsOf(rows.deliveries), idsOf([...many.slice(0, DELIVERY_PAGE + 1), ...few]))
    same(rows.seq, 900)
    await store.close()
  },

  async 'a page begins behind its place, and each webhook that is asked about gets its own'(disk) {
    const store = await loaded(disk)
    const many = pending('a', DELIVERY_PAGE + 20)
    const few = pending('b', 3, 500)
    await store.commit(turn(1, { webhooks: [webhook('a'), webhook('b')], deliveries: [...many, ...few] }))
    const page = (id: string, after: number) => {
      const { next_at, seq } = after < 0 ? { next_at: -1, seq: -1 } : many[after] as DeliveryRow
      return { webhook: id as WebhookId, at: next_at ?? 0, seq }
    }
    const { pages } = await store.prefetch(prefetchOf({ pages: [page('a', 9), page('b', -1), page('c', -1)] }))
    same([...pages].map(([id, rows]) => [id, idsOf(rows)]), [
      ['a', idsOf(many.slice(10, 10 + DELIVERY_PAGE + 1))],
      ['b', idsOf(few)],
      ['c', []],
    ])
    await store.commit(turn(2, { deliveries: [{ ...many[11] as DeliveryRow, next_at: null, status: 'delivered' }] }))
    const again = await store.prefetch(prefetchOf({ pages: [page('a', 10)] }))
    same(again.pages.get('a' as WebhookId)?.[0]?.id, many[12]?.id)
    await store.close()
  },

  async 'the deliveries of a webhook are listed, all or those of one status'(disk) {
    const store = await loaded(disk)
    const rows = pending('a', 20).map((one, i) => ({
      ...one,
      status: DELIVERY_STATUSES[i % 3] as DeliveryRow['status'],
      next_at: i % 3 === 0 ? one.next_at : null,
    }))
    await store.commit(turn(1, { deliveries: [...rows, ...pending('b', 3, 500)] }))
    const id = 'a' as WebhookId
    for (const status of [undefined, ...DELIVERY_STATUSES]) {
      const expected = rows.filter((one) => status === undefined || one.status === status).toSorted(newestFirst)
      const first = await store.queries.deliveries({ webhook_id: id, status, limit: 4 })
      const rest = await store.queries.deliveries({
        webhook_id: id,
        status,
        limit: 100,
        after: first.next ?? undefined,
      })
      same([...first.items, ...rest.items], expected)
    }
    same(await store.queries.delivery('nobody' as DeliveryId), undefined)
    await store.close()
  },

  async 'what a webhook has still to be sent is counted, with the oldest of it'(disk) {
    const store = await loaded(disk)
    const [first, second, third] = pending('a', 3) as [DeliveryRow, DeliveryRow, DeliveryRow]
    const deliveries = [
      // The oldest of those that wait is due last.
      { ...first, created_at: 30, next_at: 1 },
      { ...second, created_at: 20, next_at: 900 },
      { ...third, created_at: 10, next_at: null, status: 'delivered' as const },
      ...pending('b', 2, 500),
    ]
    await store.commit(turn(1, { deliveries }))
    same(await store.queries.backlog('a' as WebhookId), { pending: 2, oldestAt: 20 })
    same(await store.queries.backlog('c' as WebhookId), { pending: 0, oldestAt: null })
    const many = Array.from(
      { length: BACKLOG_COUNT_MAX + 5 },
      (_, i) => ({ ...first, id: `m${i}` as DeliveryId, seq: 2_000 + i }),
    )
    await store.commit(turn(2, { deliveries: many }))
    same((await store.queries.backlog('a' as WebhookId)).pending, BACKLOG_COUNT_MAX)
    await store.close()
  },

  async 'a webhook that is deleted takes with it what it was told, and may be made anew in the same turn'(disk) {
    const store = await loaded(disk)
    const [a, b] = [webhook('a'), webhook('b')]
    await store.commit(turn(1, { webhooks: [a, b], deliveries: [...pending('a', 3), ...pending('b', 2, 10)] }))
    const out = turn(2, { webhooks: [{ ...a, url: 'anew' }], deliveries: pending('a', 1, 20) })
    out.deletions.webhooks.add(a.id).add('nobody' as WebhookId)
    await store.commit(out)
    const rows = await store.load(SOON)
    same(rows.webhooks.map(({ id, url }) => [id, url]), [['a', 'anew'], ['b', '']])
    same(idsOf(rows.deliveries).toSorted(), ['a-0020', 'b-0010', 'b-0011'])
    const last = turn(3, {})
    last.deletions.webhooks.add(a.id).add(b.id)
    await store.commit(last)
    const after = await store.load(SOON)
    same([after.webhooks, after.deliveries, await store.queries.delivery('b-0010' as DeliveryId)], [[], [], undefined])
    same(after.seq, 20)
    await store.close()
  },

  async 'deliveries are forgotten by age, but not what a webhook is still owed'(disk) {
    const store = await loaded(disk)
    const made = (id: string, webhook_id: string, next_at: number | null, created_at: number) =>
      row('deliveries', { id, webhook_id, next_at, created_at })
    await store.commit(turn(1, {
      webhooks: [webhook('on'), webhook('off', false)],
      deliveries: [
        made('old', 'on', null, 1),
        made('owed', 'on', 5, 1),
        made('held', 'off', 5, 1),
        made('young', 'on', null, 2),
        made('orphan', 'nobody', 5, 1),
      ],
    }))
    await store.commit({ ...turn(2, {}), forgetDeliveriesBefore: 2 })
    const left: string[] = []
    for (const id of ['old', 'owed', 'held', 'young', 'orphan']) {
      if (await store.queries.delivery(id as DeliveryId) !== undefined) left.push(id)
    }
    same(left, ['owed', 'young'])
    await store.close()
  },
}
