import { Receipt } from '../../../core/base/receipt.ts'
import { withSettings } from './mutations.ts'
import { type Mutant, ORIGINAL } from './mutant.ts'

/** Mutations of deliveries to webhooks. */

/** Deliveries that were pending when the process died are forgotten at the next start. */
export const deliveriesForgotten = (): Mutant => ({
  ...ORIGINAL,
  state: ({ deliveries, timers }) => {
    for (const [id, { waiting }] of deliveries.queues) {
      for (const delivery of waiting.values().map((one) => one.id)) waiting.delete(delivery)
      timers.cancel('webhook.due', id)
    }
  },
})

/** Calls are made before the turn that they are about is durable. */
export const calledFirst = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    callWebhook: () => {},
    commit: (out) => {
      for (const call of out.requests.open(new Receipt(out.turn))) ports.callWebhook(call)
      return ports.commit(out)
    },
  }),
})

/** 410 is an error like any other. */
export const goneIgnored = (): Mutant => ({
  ...ORIGINAL,
  event: (event) =>
    event.type === 'delivery.finished' && event.outcome.status === 410
      ? { ...event, outcome: { ...event.outcome, status: 500 } }
      : event,
})

/** An answer of any kind is a success. */
export const anyAnswer = (): Mutant => ({
  ...ORIGINAL,
  event: (event) =>
    event.type === 'delivery.finished' && event.outcome.status !== null
      ? { ...event, outcome: { ...event.outcome, status: 200 } }
      : event,
})

export const neverGivenUp = (): Mutant =>
  withSettings({ deliveryBackoffMs: Array.from({ length: 1_000 }, () => 300_000), webhookFailingMs: 1e12 })
export const atOnce = (): Mutant => withSettings({ deliveryBackoffMs: [1, 1, 1, 1] })

/** Timeouts of jobs are not emitted. */
export const timeoutsNotEmitted = (): Mutant => ({
  ...ORIGINAL,
  state: ({ deliveries }) => {
    let { listeners } = deliveries
    const without = {
      get: () => new Map([...listeners].filter(([name]) => name !== 'job.timeout')),
      set: (made: typeof listeners) => void (listeners = made),
    }
    Object.defineProperty(deliveries, 'listeners', without)
  },
})

/** Deliveries that are only on disk stay there. */
export const pagesNeverFetched = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    prefetch: async (need) => {
      const found = await ports.prefetch(need)
      return { ...found, pages: new Map([...found.pages.keys()].map((id) => [id, []])) }
    },
  }),
})

/** The outcome of a call is lost. */
export const neverReported = (): Mutant => ({
  ...ORIGINAL,
  event: (event) => event.type === 'delivery.finished' ? { type: 'tick' } : event,
  state: ({ timers }) => {
    const set = timers.set.bind(timers)
    timers.set = (why, id, at) => {
      if (why !== 'webhook.request') set(why, id, at)
    }
  },
})
