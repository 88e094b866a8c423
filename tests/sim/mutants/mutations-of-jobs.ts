import type { Send } from '../../../core/turn.ts'
import type { Event } from '../../../core/events/index.ts'
import type { JobSubmission } from '../../../core/events/jobs.ts'
import { Heap } from '../../../core/base/heap.ts'
import type { JobId, SocketId } from '../../../core/base/ids.ts'
import { isStopping } from '../../../core/records/job.ts'
import { indexJob } from '../../../core/jobs/save.ts'
import type { RobotMessage } from '../../../core/protocol/message.ts'
import { changingMessages, withSettings } from './mutations.ts'
import { type Mutant, ORIGINAL } from './mutant.ts'
import type { FreeRobot, JobClass, WaitingJob } from '../../../core/indexes.ts'

/** Mutations of what came later: cancelling, retries, limits, order, and what must stay small. */

/** Messages are changed, or not sent if the result is null. */
function changingSends(change: (send: Send) => Send | null): Mutant {
  return {
    ...ORIGINAL,
    ports: (ports) => ({
      ...ports,
      deliver: (send) => {
        const changed = change(send)
        if (changed !== null) ports.deliver(changed)
      },
    }),
  }
}

/** Every event is changed before it is stepped. */
function changingEvents(change: (event: Event) => Event): Mutant {
  return { ...ORIGINAL, event: change }
}

function changingSubmissions(change: <S extends JobSubmission>(submission: S) => S): Mutant {
  return changingEvents((event) => {
    if (event.type === 'batch.submitted') return { ...event, submissions: event.submissions.map(change) }
    return event.type === 'job.submitted' ? change(event) : event
  })
}

export const lostForEver = (): Mutant => withSettings({ lostTriesMax: 1_000 })

/** A cancelled job frees its slot at once. */
export const slotFreed = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports, state) => ({
    ...ports,
    commit: (out) => {
      for (const [id, job] of out.rows.jobs) {
        if (!isStopping(job)) continue
        const freed = { ...job, stop_until: null }
        indexJob(state, freed)
        out.rows.jobs.set(id, freed)
      }
      return ports.commit(out)
    },
  }),
})

const isCancel = (send: Send): boolean =>
  send.to === 'socket' && 'message' in send && send.message.type === 'job_cancel' &&
  send.message.payload.reason === 'not wanted'

export const cancelNotSent = (): Mutant => changingSends((send) => isCancel(send) ? null : send)

/** A robot that registers does not get the jobs to stop. */
export function cancelNotResent(): Mutant {
  let registered: SocketId | null = null
  return changingSends((send) => {
    if (send.to !== 'socket' || 'close' in send) return send
    if (send.message.type === 'register_ack') registered = send.socket
    else if (send.message.type !== 'job_cancel') registered = null
    return send.message.type === 'job_cancel' && send.socket === registered ? null : send
  })
}

export const cancelLie = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports, state) => ({
    ...ports,
    deliver: (send) => {
      const [job] = state.jobs.values()
      const conflict = send.to === 'reply' && send.answer.type === 'refusal' &&
        send.answer.refusal.refused === 'CONFLICT'
      ports.deliver(conflict && job !== undefined ? { ...send, answer: { type: 'job', job } } : send)
    },
  }),
})

/** After a standstill nobody looks at the sockets before the deadlines are judged. */
export const socketsNotRead = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({ ...ports, defer: (run, ms) => ms === undefined ? ports.defer(run) : run() }),
})

/** The instant of a robot's last frame is taken from its own clock, which is an hour ahead of ours. */
export const robotsClock = (): Mutant => ({
  ...ORIGINAL,
  state: ({ sessions }) => {
    const set = sessions.set.bind(sessions)
    sessions.set = (id, session) => {
      let lastFrameAt = session.lastFrameAt
      const ahead = { get: () => lastFrameAt + 3_600_000, set: (at: number) => void (lastFrameAt = at) }
      return set(id, Object.defineProperty(session, 'lastFrameAt', ahead))
    }
  },
})

export const olderStays = (): Mutant =>
  changingSends((send) => send.to === 'socket' && 'close' in send && send.close.code === 4409 ? null : send)

/** Classes of waiting jobs are made with other heaps than they should be. */
function withHeaps(heaps: () => JobClass['byPriority']): Mutant {
  return {
    ...ORIGINAL,
    state: ({ matching }) => {
      const set = matching.classes.set.bind(matching.classes)
      matching.classes.set = (key, jobs) => set(key, Object.assign(jobs, { byPriority: heaps() }))
    },
  }
}

const youngestFirst = (a: WaitingJob, b: WaitingJob): boolean => a.seq > b.seq

export const lastFirst = (): Mutant =>
  withHeaps(() => [0, 1, 2, 3].map(() => new Heap<JobId, WaitingJob>(youngestFirst)))

/** Robots are asked in the wrong order. */
export const busiestFirst = (): Mutant => ({
  ...ORIGINAL,
  state: ({ matching }) => {
    const busier = (a: FreeRobot, b: FreeRobot): boolean =>
      a.load > b.load || (a.load === b.load && a.idleSince > b.idleSince)
    Object.assign(matching, { before: busier })
  },
})

export const noIdempotency = (): Mutant => changingSubmissions((submission) => ({ ...submission, idempotency: null }))

export const noDuplicates = (): Mutant =>
  changingSubmissions((submission) => ({ ...submission, check_duplicate: false }))

/** A job of a batch does not know the idempotency keys of those before it. */
export const batchForgetsItself = (): Mutant =>
  changingEvents((event) => {
    if (event.type !== 'batch.submitted') return event
    const firsts = new Map(event.submissions.toReversed().map((one) => [one.idempotency?.key, one]))
    const submissions = event.submissions.map((one) =>
      firsts.get(one.idempotency?.key) === one ? one : { ...one, idempotency: null }
    )
    return { ...event, submissions }
  })

export const batchOutOfOrder = (): Mutant =>
  changingSends((send) =>
    send.to === 'reply' && send.answer.type === 'batch'
      ? { ...send, answer: { ...send.answer, answers: send.answer.answers.toReversed() } }
      : send
  )

/** Everybody counts as inside already. */
export const noLimits = (): Mutant => ({
  ...ORIGINAL,
  state: ({ concurrency }) => {
    const set = concurrency.byKey.set.bind(concurrency.byKey)
    concurrency.byKey.set = (key, group) =>
      set(key, Object.assign(group, { running: Object.assign(group.running, { has: () => true }) }))
  },
})

export const noRoom = (): Mutant => ({
  ...ORIGINAL,
  state: ({ concurrency }) => {
    concurrency.released.add = () => concurrency.released
  },
})

export const allTransient = (): Mutant =>
  changingMessages((message) =>
    message.type === 'job_failed'
      ? { ...message, payload: { ...message.payload, error_type: 'ConnectionError' } } as RobotMessage
      : message
  )

export const pauseForgotten = (): Mutant => ({
  ...ORIGINAL,
  event: (event, state) => {
    if (event.type !== 'robot.message' || event.message.type !== 'register') return event
    const row = state.robots.get(event.message.payload.robot_id)
    if (row !== undefined) state.robots.set(row.id, { ...row, mode: 'active' })
    return event
  },
})

/** A message that is repeated is taken for another. */
export const repeatsTaken = (): Mutant => ({
  ...ORIGINAL,
  event: (event, state) => {
    state.logMessages.clear()
    return event
  },
})

export const logsTwice = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports, state) => ({
    ...ports,
    commit: (out) => {
      const [first] = out.logs
      if (first !== undefined) out.logs.push({ ...first, seq: ++state.seq })
      return ports.commit(out)
    },
  }),
})

export const definitionsStay = (): Mutant => ({
  ...ORIGINAL,
  state: ({ definitions }) => {
    definitions.delete = () => false
  },
})

export const groupsStay = (): Mutant => ({
  ...ORIGINAL,
  state: ({ concurrency }) => {
    concurrency.byKey.delete = () => false
  },
})

/** A webhook may fire at any time. */
export const noCooldown = (): Mutant => ({
  ...ORIGINAL,
  event: (event, state) => {
    if (event.type !== 'webhook.received') return event
    const trigger = state.triggers.get(event.trigger)
    if (trigger !== undefined) state.triggers.set(trigger.id, { ...trigger, last_triggered: null })
    return event
  },
})

/** A retried job has the default priority. */
export const retryForgets = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports, state) => ({
    ...ports,
    commit: (out) => {
      for (const [id, job] of out.rows.jobs) {
        if (job.retry_of === null || job.priority === 1) continue
        const usual = { ...job, priority: 1 } as const
        out.rows.jobs.set(id, usual)
        if (state.jobs.has(id)) state.jobs.set(id, usual)
      }
      return ports.commit(out)
    },
  }),
})

/** The snapshot of a socket is changed before it is stored. */
export function changingSnapshots(change: object): Mutant {
  return {
    ...ORIGINAL,
    ports: (ports) => ({
      ...ports,
      saveSnapshot: (socket, text) => {
        const attachment = text === null ? null : JSON.parse(text) as { session: Record<string, unknown> | null }
        if (attachment !== null && attachment.session !== null) {
          attachment.session = { ...attachment.session, ...change }
        }
        ports.saveSnapshot?.(socket, attachment === null ? null : JSON.stringify(attachment))
      },
    }),
  }
}

export const leaseAnew = (): Mutant => ({
  ...ORIGINAL,
  state: ({ sessions, settings, timers, horizonAt }) => {
    const now = horizonAt - settings.horizonMs
    for (const session of sessions.values()) {
      session.lastFrameAt = now
      timers.set('robot.lease', session.robot, now + settings.leaseMs)
    }
  },
})

export const requestsForgotten = (): Mutant => changingSnapshots({ statusRequests: 0, statusResponses: 0 })
export const exclusionsForgotten = (): Mutant => changingSnapshots({ excluded: [] })

export const cancelSentTenTimes = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    deliver: (send) => {
      const cancel = send.to === 'socket' && 'message' in send && send.message.type === 'job_cancel'
      for (let times = cancel ? 10 : 1; times > 0; times--) ports.deliver(send)
    },
  }),
})
