import type { Event } from '../../../core/events/index.ts'
import type { JobId, JsonText, ReplyId, TriggerId } from '../../../core/base/ids.ts'
import { indexJob } from '../../../core/jobs/save.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import type { State } from '../../../core/state.ts'
import { COMPLETED } from '../actors/integrator.ts'
import { chainConfigOf } from '../rules/chain-config.ts'
import { type Mutant, ORIGINAL } from './mutant.ts'

/** Mutations of what jobs lead to: their ends, calls, and the runs of schedules. */

/** A process begins without knowing which triggers wait for this: `end`, `call` or `schedule`. */
export const waitersForgotten = (what: string): Mutant => ({
  ...ORIGINAL,
  state: ({ subscribers }) => {
    for (const topic of subscribers.keys()) if (topic.startsWith(`${what} `)) subscribers.delete(topic)
  },
})

/** Every trigger waits twice for this. */
export const waitsTwice = (what: string): Mutant => ({
  ...ORIGINAL,
  state: ({ subscribers }) => {
    const get = subscribers.get.bind(subscribers)
    subscribers.get = (topic) => {
      const ids = get(topic)
      return ids === undefined || !topic.startsWith(`${what} `)
        ? ids
        : iteratedAs(ids, [...ids.values(), ...ids.values()])
    }
  },
})

/** The same set, which those who go through it find to hold these. */
function iteratedAs(ids: Set<TriggerId>, shown: readonly TriggerId[]): Set<TriggerId> {
  return Object.defineProperties(ids, { [Symbol.iterator]: { value: () => shown.values(), configurable: true } })
}

/** A result that comes again starts what follows from it again. */
export const endsAgain = (): Mutant => {
  let times = 0
  return {
    ...ORIGINAL,
    event: (event, state) => {
      if (event.type !== 'robot.message' || event.message.type !== 'job_complete') return event
      const { job_id } = event.message.payload
      const ended = !state.jobs.has(job_id)
      const waiting = [...state.triggers.values()].find((row) => row.enabled && chainConfigOf(row).after != null)
      return ended && waiting !== undefined ? fired(waiting, job_id, ++times) : event
    },
  }
}

function fired(trigger: TriggerRow, job: JobId, times: number): Event {
  return {
    type: 'trigger.fired',
    reply: `again-${times}` as ReplyId,
    job: `follows-${times}` as JobId,
    trigger: trigger.id,
    as: null,
    by: { name: `trigger:${trigger.id}`, key: null },
    payload: `{"job_id":"${job}","status":"completed"}` as JsonText,
    metadata: `{"source":"job","parent_job_id":"${job}"}` as JsonText,
    idempotency: null,
    cursor: null,
    fire_and_forget: false,
    screening: null,
  }
}

/** Jobs that come of others are changed on their way to the disk and in memory, when they are made. */
function changingFollowers(change: (job: JobRow) => JobRow): Mutant {
  return {
    ...ORIGINAL,
    ports: (ports, state) => ({
      ...ports,
      commit: (out) => {
        for (const { job_id, event } of out.history) {
          const job = event === 'submit' ? out.rows.jobs.get(job_id) : undefined
          if (job === undefined || job.parent_job_id === null) continue
          const changed = change(job)
          out.rows.jobs.set(job.id, changed)
          if (state.jobs.has(job.id)) indexJob(state, changed)
        }
        return ports.commit(out)
      },
    }),
  }
}

export const childrenAlone = (): Mutant => changingFollowers((job) => ({ ...job, parent_job_id: null }))
export const childrenAreRoots = (): Mutant => changingFollowers((job) => ({ ...job, root_job_id: null }))
export const depthForgotten = (): Mutant => changingFollowers((job) => ({ ...job, depth: 0 }))

/** A restart forgets how many jobs have come of one. */
export const familiesForgotten = (): Mutant => ({ ...ORIGINAL, state: ({ families }) => families.clear() })

/** The config that a false one stands for. */
const HONEST = Symbol('honest')
/** A filter that lets everything pass. */
const ANYTHING = '@.payload'

const UNRESTRICTED = new WeakMap<object, TriggerRow['config']>()

/** The same trigger, which any job may call. One config has one false one: by it the core knows that nothing has changed. */
function unrestricted(row: TriggerRow): TriggerRow {
  const config = UNRESTRICTED.get(row.config) ??
    Object.assign({ ...row.config, allowed_callers: [] }, { [HONEST]: row.config })
  UNRESTRICTED.set(row.config, config)
  return { ...row, config }
}

/** Shows triggers otherwise than they are while the core looks for those that wait. Their rows stay as people wanted them. */
function misreadingTriggers(lie: (trigger: TriggerRow) => TriggerRow): Mutant {
  const saved = new Map<TriggerId, TriggerRow>()
  let looking = false
  const honest = (row: TriggerRow): TriggerRow => {
    const known = saved.get(row.id)
    // Only what people do to it makes another revision, and they say whether it is enabled.
    const enabled = known?.revision === row.revision ? known.enabled : row.enabled
    const config = (row.config as { readonly [HONEST]?: TriggerRow['config'] })[HONEST] ?? row.config
    const kept = { ...row, enabled, config, filter: row.filter === ANYTHING ? COMPLETED : row.filter }
    saved.set(row.id, kept)
    return kept
  }
  return {
    ...ORIGINAL,
    state: ({ triggers, subscribers }) => {
      saved.clear()
      for (const row of triggers.values()) saved.set(row.id, row)
      const get = triggers.get.bind(triggers)
      const set = triggers.set.bind(triggers)
      const waiting = subscribers.get.bind(subscribers)
      subscribers.get = (topic) => {
        looking = true
        return waiting(topic)
      }
      triggers.get = (id) => {
        const row = get(id)
        return row === undefined || !looking ? row : lie(row)
      }
      triggers.set = (id, row) => set(id, honest(row))
    },
    ports: (ports) => ({
      ...ports,
      commit: (out) => {
        looking = false
        for (const [id, row] of out.rows.triggers) out.rows.triggers.set(id, honest(row))
        return ports.commit(out)
      },
    }),
  }
}

/** A trigger that waits for some ends fires at every end that another one waits for. */
export const everyEndCounts = (): Mutant => ({
  ...ORIGINAL,
  state: ({ subscribers }) => {
    const get = subscribers.get.bind(subscribers)
    subscribers.get = (topic) => {
      const own = get(topic)
      const [what, , workflow] = topic.split(' ')
      if (what !== 'end' || own === undefined) return own
      const all = [...subscribers].filter(([other]) => other.startsWith('end ') && other.endsWith(` ${workflow}`))
      return iteratedAs(own, [...new Set(all.flatMap(([, ids]) => [...ids.values()]))])
    }
  },
})

export const filterIgnored = (): Mutant =>
  misreadingTriggers((row) => row.filter === null ? row : { ...row, filter: ANYTHING })
export const disabledFires = (): Mutant => misreadingTriggers((row) => ({ ...row, enabled: true }))
export const anyJobCalls = (): Mutant =>
  misreadingTriggers((row) => row.trigger_type === 'workflow_call' ? unrestricted(row) : row)

/** Calls are changed before they are stepped. */
function changingCalls(change: (event: Extract<Event, { type: 'workflow.called' }>, state: State) => Event): Mutant {
  return { ...ORIGINAL, event: (event, state) => event.type === 'workflow.called' ? change(event, state) : event }
}

export const callsMakeMore = (): Mutant => changingCalls((event) => ({ ...event, idempotency: null }))
/** A robot may call for any job, also for one that another runs. */
export const anyRobotCalls = (): Mutant => changingCalls((event) => ({ ...event, robot: null }))
/** A call in the name of a job that has ended is let in as a call of nobody. */
export const endedJobsCall = (): Mutant =>
  changingCalls((event, state) =>
    event.parent === null || state.jobs.has(event.parent) ? event : { ...event, parent: null, robot: null }
  )

/** Calling off a job that has called another calls off that one. */
export const childCancelled = (): Mutant => ({
  ...ORIGINAL,
  event: (event, { jobs }) => {
    if (event.type !== 'cancel.requested') return event
    const child = [...jobs.values()].find((job) => job.parent_job_id === event.job && job.completed_at === null)
    return child === undefined ? event : { ...event, job: child.id }
  },
})

/** Callers are not answered. */
export const callersUnanswered = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    deliver: (send) => {
      if (send.to !== 'reply' || send.answer.type !== 'fired') ports.deliver(send)
    },
  }),
})

/** Callers are answered twice. */
export const answeredTwice = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    deliver: (send) => {
      ports.deliver(send)
      if (send.to === 'reply' && send.answer.type === 'fired') ports.deliver(send)
    },
  }),
})
