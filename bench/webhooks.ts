import type { ReplyId, WebhookId } from '../core/base/ids.ts'
import { type Costs, cycles, type Fleet, newFleet, take } from './fleet.ts'
import { median } from './measure.ts'
import { number, type Table } from './table.ts'

/** The cost of webhooks for the core: events without a subscriber, and events that are delivered. */

const SMALL = { queued: 100, robots: 10 }
const ROUNDS = 9
/** Of each job: created, queued, started, completed. */
const DELIVERIES = 4
/** A cycle with a webhook that asks for other events, against one without. */
const OTHER_RATIO_MAX = 1.3
/** One delivery, against an event. */
const DELIVERY_RATIO_MAX = 6

/** A fleet whose webhook asks for these; without one if there are none. */
function listening(events: readonly string[]): Fleet {
  const fleet = newFleet(SMALL.queued, SMALL.robots)
  if (events.length === 0) return fleet
  take(fleet, [{
    type: 'webhook.saved',
    reply: 'reply' as ReplyId,
    webhook: '00000000-0000-4000-8000-000000000000' as WebhookId,
    mode: 'create',
    by: 'bench',
    url: 'https://example.com/',
    description: '',
    events,
    workflow: null,
    secret: 'whsec_AAAA',
  }])
  return fleet
}

/** One table: a cycle of three events without a webhook, with one that subscribes to other events, and with one that gets a delivery. */
export function webhookBench(): Table {
  const fleets = { none: listening([]), other: listening(['schedule.*', 'robot.*']), delivered: listening(['job.*']) }
  const costs: { readonly [K in keyof typeof fleets]: number[] } = { none: [], other: [], delivered: [] }
  const cycle = ({ submit, complete, accept }: Omit<Costs, 'bare'>): number => submit + complete + accept
  // By turns, so that a disturbance of the machine meets all. The first two rounds only warm up.
  for (let round = 0; round < ROUNDS + 2; round++) {
    for (const name of ['none', 'other', 'delivered'] as const) {
      const ns = cycle(cycles(fleets[name]))
      if (round >= 2) costs[name].push(ns)
    }
  }
  const [none, other, delivered] = [median(costs.none), median(costs.other), median(costs.delivered)]
  const row = (name: string, ns: number): string[] => [name, number(ns), number(ns - none)]
  return {
    title: 'turn: webhooks, nanoseconds per cycle of three events, the core alone',
    columns: ['webhook', 'cycle ns', 'more than without'],
    rows: [
      row('none', none),
      row('one that listens to other events', other),
      row('one that is told of the job, and takes it', delivered),
      [`  of it for each of ${DELIVERIES} deliveries`, '', number((delivered - none) / DELIVERIES)],
    ],
    notes: [
      `${SMALL.queued} jobs waiting for ${SMALL.robots} robots. Median of ${ROUNDS} rounds, the three by turns in one process.`,
      'A delivery is made, sent, and reported as delivered by an event of its own: all of that is in the figure.',
    ],
    bounds: [
      { of: 'a cycle with one for other events / without', value: other / none, most: OTHER_RATIO_MAX },
      {
        of: 'a delivery / an event',
        value: (delivered - none) / DELIVERIES / (none / 3),
        most: DELIVERY_RATIO_MAX,
      },
    ],
  }
}
