import type { Send } from '../../core/effects.ts'
import type { Event } from '../../core/event.ts'
import { Heap } from '../../core/heap.ts'
import type { JobId, SocketId } from '../../core/ids.ts'
import { isStopping } from '../../core/job.ts'
import { place } from '../../core/keep.ts'
import type { JobClass, Waiting } from '../../core/queue.ts'
import type { RobotMessage } from '../../core/protocol/message.ts'
import type { Free } from '../../core/roster.ts'
import { hearing, settingOtherwise } from './mutations.ts'
import { type Plant, SOUND } from './plant.ts'

/** Mutations of what came later: cancelling, retries, limits, order, and what must stay small. */

/** Things said are changed, or, where the answer is null, not said. */
function saying(change: (send: Send) => Send | null): Plant {
  return {
    ...SOUND,
    shell: (shell) => ({
      ...shell,
      deliver: (send) => {
        const changed = change(send)
        if (changed !== null) shell.deliver(changed)
      },
    }),
  }
}

/** Every event is changed before it is stepped. */
function taking(change: (event: Event) => Event): Plant {
  return { ...SOUND, event: change }
}

export const lostForEver = (): Plant => settingOtherwise({ lostTriesMax: 1_000 })

/** A job that is called off gives its slot back at once. */
export const slotFreed = (): Plant => ({
  ...SOUND,
  shell: (shell, state) => ({
    ...shell,
    commit: (out) => {
      for (const [id, job] of out.rows.jobs) {
        if (!isStopping(job)) continue
        const freed = { ...job, stop_until: null }
        place(state, freed)
        out.rows.jobs.set(id, freed)
      }
      return shell.commit(out)
    },
  }),
})

const isCancel = (send: Send): boolean =>
  send.to === 'socket' && 'message' in send && send.message.type === 'job_cancel' &&
  send.message.payload.reason === 'not wanted'

export const cancelUntold = (): Plant => saying((send) => isCancel(send) ? null : send)

/** A robot that registers is not told of what it is to stop. */
export function cancelNotRetold(): Plant {
  let registered: SocketId | null = null
  return saying((send) => {
    if (send.to !== 'socket' || 'close' in send) return send
    if (send.message.type === 'register_ack') registered = send.socket
    else if (send.message.type !== 'job_cancel') registered = null
    return send.message.type === 'job_cancel' && send.socket === registered ? null : send
  })
}

export const cancelLie = (): Plant => ({
  ...SOUND,
  shell: (shell, state) => ({
    ...shell,
    deliver: (send) => {
      const [job] = state.jobs.values()
      const conflict = send.to === 'reply' && send.answer.type === 'refusal' &&
        send.answer.refusal.refused === 'CONFLICT'
      shell.deliver(conflict && job !== undefined ? { ...send, answer: { type: 'job', job } } : send)
    },
  }),
})

/** After a standstill nobody looks at the sockets before the deadlines are judged. */
export const unread = (): Plant => ({
  ...SOUND,
  shell: (shell) => ({ ...shell, soon: (run, ms) => ms === undefined ? shell.soon(run) : run() }),
})

/** When a robot was heard last is what its own clock says, which is an hour ahead of ours. */
export const robotsClock = (): Plant => ({
  ...SOUND,
  state: ({ sessions }) => {
    const set = sessions.set.bind(sessions)
    sessions.set = (id, session) => {
      let heardAt = session.heardAt
      const ahead = { get: () => heardAt + 3_600_000, set: (at: number) => void (heardAt = at) }
      return set(id, Object.defineProperty(session, 'heardAt', ahead))
    }
  },
})

export const olderStays = (): Plant =>
  saying((send) => send.to === 'socket' && 'close' in send && send.close.code === 4409 ? null : send)

/** Classes of waiting jobs are made with other heaps than they should be. */
function queueing(heaps: () => JobClass['byPriority']): Plant {
  return {
    ...SOUND,
    state: ({ roster }) => {
      const set = roster.classes.set.bind(roster.classes)
      roster.classes.set = (key, jobs) => set(key, Object.assign(jobs, { byPriority: heaps() }))
    },
  }
}

const youngestFirst = (a: Waiting, b: Waiting): boolean => a.seq > b.seq

export const lastFirst = (): Plant => queueing(() => [0, 1, 2, 3].map(() => new Heap<JobId, Waiting>(youngestFirst)))

/** Robots are asked in the wrong order. */
export const busiestFirst = (): Plant => ({
  ...SOUND,
  state: ({ roster }) => {
    const busier = (a: Free, b: Free): boolean => a.load > b.load || (a.load === b.load && a.idleSince > b.idleSince)
    Object.assign(roster, { before: busier })
  },
})

export const noIdempotency = (): Plant =>
  taking((event) => event.type === 'job.submitted' ? { ...event, idempotency: null } : event)

export const noDuplicates = (): Plant =>
  taking((event) => event.type === 'job.submitted' ? { ...event, checkDuplicate: false } : event)

/** Everybody counts as inside already. */
export const noLimits = (): Plant => ({
  ...SOUND,
  state: ({ gates }) => {
    const set = gates.byKey.set.bind(gates.byKey)
    gates.byKey.set = (key, gate) =>
      set(key, Object.assign(gate, { inside: Object.assign(gate.inside, { has: () => true }) }))
  },
})

export const noRoom = (): Plant => ({
  ...SOUND,
  state: ({ gates }) => {
    gates.opened.add = () => gates.opened
  },
})

export const allTransient = (): Plant =>
  hearing((message) =>
    message.type === 'job_failed'
      ? { ...message, payload: { ...message.payload, error_type: 'ConnectionError' } } as RobotMessage
      : message
  )

export const pauseForgotten = (): Plant => ({
  ...SOUND,
  event: (event, state) => {
    if (event.type !== 'robot.said' || event.message.type !== 'register') return event
    const row = state.robots.get(event.message.payload.robot_id)
    if (row !== undefined) state.robots.set(row.id, { ...row, mode: 'active' })
    return event
  },
})

/** A message that is repeated is taken for another. */
export const repeatsTaken = (): Plant => ({
  ...SOUND,
  event: (event, state) => {
    state.logMessages.clear()
    return event
  },
})

export const logsTwice = (): Plant => ({
  ...SOUND,
  shell: (shell, state) => ({
    ...shell,
    commit: (out) => {
      const [first] = out.logs
      if (first !== undefined) out.logs.push({ ...first, seq: ++state.seq })
      return shell.commit(out)
    },
  }),
})

export const definitionsStay = (): Plant => ({
  ...SOUND,
  state: ({ definitions }) => {
    definitions.delete = () => false
  },
})

export const gatesStay = (): Plant => ({
  ...SOUND,
  state: ({ gates }) => {
    gates.byKey.delete = () => false
  },
})

/** A webhook may fire at any time. */
export const noCooldown = (): Plant => ({
  ...SOUND,
  event: (event, state) => {
    if (event.type !== 'webhook.received') return event
    const trigger = state.triggers.get(event.trigger)
    if (trigger !== undefined) state.triggers.set(trigger.id, { ...trigger, last_fired_at: null })
    return event
  },
})

/** What is repeated is repeated with the usual priority. */
export const retryForgets = (): Plant => ({
  ...SOUND,
  shell: (shell, state) => ({
    ...shell,
    commit: (out) => {
      for (const [id, job] of out.rows.jobs) {
        if (job.retry_of === null || job.priority === 1) continue
        const usual = { ...job, priority: 1 } as const
        out.rows.jobs.set(id, usual)
        if (state.jobs.has(id)) state.jobs.set(id, usual)
      }
      return shell.commit(out)
    },
  }),
})

/** What a socket carries is changed on the way to it. */
export function carrying(change: object): Plant {
  return {
    ...SOUND,
    shell: (shell) => ({
      ...shell,
      attach: (socket, text) => {
        const attachment = text === null ? null : JSON.parse(text) as { session: Record<string, unknown> | null }
        if (attachment !== null && attachment.session !== null) {
          attachment.session = { ...attachment.session, ...change }
        }
        shell.attach?.(socket, attachment === null ? null : JSON.stringify(attachment))
      },
    }),
  }
}

export const leaseAnew = (): Plant => ({
  ...SOUND,
  state: ({ sessions, settings, timers, horizonAt }) => {
    const now = horizonAt - settings.horizonMs
    for (const session of sessions.values()) {
      session.heardAt = now
      timers.set('robot.silent', session.robot, now + settings.leaseMs)
    }
  },
})

export const askedForgotten = (): Plant => carrying({ asked: 0, answered: 0 })
export const barsForgotten = (): Plant => carrying({ barred: [] })

export const chatter = (): Plant => ({
  ...SOUND,
  shell: (shell) => ({
    ...shell,
    deliver: (send) => {
      const cancel = send.to === 'socket' && 'message' in send && send.message.type === 'job_cancel'
      for (let times = cancel ? 10 : 1; times > 0; times--) shell.deliver(send)
    },
  }),
})
