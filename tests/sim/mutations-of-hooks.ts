import { Receipt } from '../../core/receipt.ts'
import { settingOtherwise } from './mutations.ts'
import { type Plant, SOUND } from './plant.ts'

/** Mutations of what webhooks are told. */

/** What was pending when the process died is forgotten when it begins again. */
export const outboxForgotten = (): Plant => ({
  ...SOUND,
  state: ({ outbox, timers }) => {
    for (const [id, { waiting }] of outbox.lanes) {
      for (const delivery of waiting.values().map((one) => one.id)) waiting.delete(delivery)
      timers.cancel('webhook.due', id)
    }
  },
})

/** Calls are made before the turn that they are about is durable. */
export const calledFirst = (): Plant => ({
  ...SOUND,
  shell: (shell) => ({
    ...shell,
    call: () => {},
    commit: (out) => {
      for (const call of out.calls.open(new Receipt(out.turn))) shell.call(call)
      return shell.commit(out)
    },
  }),
})

/** 410 is an error like any other. */
export const goneIgnored = (): Plant => ({
  ...SOUND,
  event: (event) =>
    event.type === 'delivery.tried' && event.outcome.status === 410
      ? { ...event, outcome: { ...event.outcome, status: 500 } }
      : event,
})

/** An answer of any kind is a success. */
export const anyAnswer = (): Plant => ({
  ...SOUND,
  event: (event) =>
    event.type === 'delivery.tried' && event.outcome.status !== null
      ? { ...event, outcome: { ...event.outcome, status: 200 } }
      : event,
})

export const neverGivenUp = (): Plant =>
  settingOtherwise({ deliveryBackoffMs: Array.from({ length: 1_000 }, () => 300_000), webhookFailingMs: 1e12 })
export const atOnce = (): Plant => settingOtherwise({ deliveryBackoffMs: [1, 1, 1, 1] })

/** Nobody is told of the jobs that took too long. */
export const timeoutsUntold = (): Plant => ({
  ...SOUND,
  state: ({ outbox }) => {
    let { listeners } = outbox
    const without = {
      get: () => new Map([...listeners].filter(([name]) => name !== 'job.timeout')),
      set: (made: typeof listeners) => void (listeners = made),
    }
    Object.defineProperty(outbox, 'listeners', without)
  },
})

/** What is on the disk only stays there. */
export const pagesNeverFetched = (): Plant => ({
  ...SOUND,
  shell: (shell) => ({
    ...shell,
    find: async (need) => {
      const found = await shell.find(need)
      return { ...found, pages: new Map([...found.pages.keys()].map((id) => [id, []])) }
    },
  }),
})

/** What a call came to is lost on the way. */
export const neverReported = (): Plant => ({
  ...SOUND,
  event: (event) => event.type === 'delivery.tried' ? { type: 'tick' } : event,
  state: ({ timers }) => {
    const set = timers.set.bind(timers)
    timers.set = (why, id, at) => {
      if (why !== 'webhook.call') set(why, id, at)
    }
  },
})
