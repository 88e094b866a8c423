import { hashOf } from '../../../adapters/crypto/secrets.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import { Receipt } from '../../../core/base/receipt.ts'
import type { Event } from '../../../core/events/index.ts'
import type { JobId, RobotId } from '../../../core/base/ids.ts'
import type { JobRow, RetrySafety } from '../../../core/records/job.ts'
import { indexJob } from '../../../core/jobs/save.ts'
import type { RobotMessage } from '../../../core/protocol/message.ts'
import { refuse } from '../../../core/base/refusal.ts'
import type { State } from '../../../core/state.ts'
import type { TimerName } from '../../../core/timers.ts'
import { type Mutant, ORIGINAL } from './mutant.ts'
import { NOTHING_PREFETCHED } from '../../../core/prefetch.ts'
import { FRESH, TAGS } from '../world/givens.ts'

/** Mutations that mutants are made of: bugs that people really write, put around the original program one at a time. */

/** A mutant that tampers with what robots say. */
export function changingMessages(change: (message: RobotMessage, state: State) => RobotMessage): Mutant {
  const event = (given: Event, state: State): Event =>
    given.type === 'robot.message' ? { ...given, message: change(given.message, state) } : given
  return { ...ORIGINAL, event }
}

/** A mutant in which a kind of deadline is never set. */
export function withoutTimers(...names: readonly TimerName[]): Mutant {
  const state = ({ timers }: State): void => {
    const set = timers.set.bind(timers)
    timers.set = (why, id, at) => {
      if (!names.includes(why)) set(why, id, at)
    }
    // Timers that were set during loading are cancelled, too.
    for (const why of names) for (const id of timerIds) timers.cancel(why, id)
  }
  const timerIds = ['', ...Array.from({ length: 300 }, (_, number) => [`job-${number}`, `robot-${number}`]).flat()]
  return { ...ORIGINAL, state }
}

export const sendBeforeCommit = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    commit: (out) => {
      void Promise.resolve(ports.commit(out)).catch(() => {})
      return new Receipt(out.turn)
    },
  }),
})

export const ignoreFailure = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    commit: async (out) => {
      try {
        return await ports.commit(out)
      } catch {
        return new Receipt(out.turn)
      }
    },
  }),
})

/** Every fifth commit with jobs loses one of them. */
export function loseARow(): Mutant {
  let commits = 0
  return {
    ...ORIGINAL,
    store: (store) => ({
      ...store,
      commit: (out) => {
        const [first] = out.rows.jobs.keys()
        if (first === undefined || ++commits % 5 !== 0) return store.commit(out)
        const jobs = new Map([...out.rows.jobs].filter(([id]) => id !== first))
        return store.commit({ ...out, rows: { ...out.rows, jobs } })
      },
    }),
  }
}

/** All lives share one store, so that a commit of an earlier one is taken for one of the present. */
export function noEpoch(): Mutant {
  let shared: ReturnType<typeof memoryStore> | null = null
  return { ...ORIGINAL, store: (store) => shared ??= store }
}

export const neverFetch = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({ ...ports, prefetch: () => NOTHING_PREFETCHED }),
})

/** The alarm is set when the process starts, and never again. */
export const oneAlarm = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => {
    let armed = false
    const wake = (at: number | null): void => {
      if (!armed) ports.setAlarm(at)
      armed ||= at !== null
    }
    return { ...ports, setAlarm: wake }
  },
})

export const offerSentTwice = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    deliver: (send) => {
      ports.deliver(send)
      if (send.to === 'socket' && 'message' in send && send.message.type === 'job_assign') ports.deliver(send)
    },
  }),
})

/** A message from an old socket counts for the robot's present one. */
export const noSession = (): Mutant => ({
  ...ORIGINAL,
  event: (event, state) => {
    if (event.type !== 'robot.message' || event.message.type === 'register') return event
    const { robot_id } = event.message.payload as { readonly robot_id?: RobotId }
    const session = robot_id === undefined ? undefined : state.sessions.get(robot_id)
    const socket = state.sockets.get(event.socket)
    const old = socket === undefined || socket.closing || socket.robot === null
    return old && session !== undefined ? { ...event, socket: session.socket } : event
  },
})

/** The sender is taken from the message. */
export const senderFromMessage = (): Mutant => ({
  ...ORIGINAL,
  event: (event, state) => {
    if (event.type !== 'robot.message' || event.message.type === 'register') return event
    const { robot_id } = event.message.payload as { readonly robot_id?: RobotId }
    const session = robot_id === undefined ? undefined : state.sessions.get(robot_id)
    return session === undefined ? event : { ...event, socket: session.socket }
  },
})

export const noOffer = (): Mutant =>
  changingMessages((message, state) => {
    const { payload } = message
    if (!('job_id' in payload) || !('offer' in payload) || payload.offer === undefined) return message
    const offer = state.jobs.get(payload.job_id)?.offer ?? payload.offer
    // The same message with another number in it.
    return { ...message, payload: { ...payload, offer: Math.max(1, offer) } } as RobotMessage
  })

/** A message in which anything is wrong is none. */
export const strictDecoding = (): Mutant => ({
  ...ORIGINAL,
  event: (event) => {
    if (event.type !== 'robot.message' || event.message.flaws === undefined) return event
    const { socket, bytes, message } = event
    return { type: 'robot.malformed', socket, bytes, refusal: refuse('INVALID_PAYLOAD', 'wrong'), id: message.id }
  },
})

export const oneSlotMore = (): Mutant =>
  changingMessages((message) =>
    message.type === 'register'
      ? { ...message, payload: { ...message.payload, max_concurrent_jobs: message.payload.max_concurrent_jobs + 1 } }
      : message
  )

export const everyTag = (): Mutant =>
  changingMessages((message) =>
    message.type === 'register' ? { ...message, payload: { ...message.payload, tags: [...TAGS] } } : message
  )

export const pausedIsOnline = (): Mutant =>
  changingMessages((message) =>
    message.type === 'heartbeat' || message.type === 'status_response'
      ? { ...message, payload: { ...message.payload, status: 'online' } } as RobotMessage
      : message
  )

/** Jobs that pass the test are handled as if they had this retry safety; their rows stay as they are. */
export function asIfSafe(safety: RetrySafety, passes: (job: JobRow) => boolean): Mutant {
  let stepping = false
  const really = new Map<JobId, RetrySafety>()
  return {
    ...ORIGINAL,
    state: ({ jobs }) => {
      const get = jobs.get.bind(jobs)
      jobs.get = (id) => {
        const job = get(id)
        if (!stepping || job === undefined || !passes(job)) return job
        if (!really.has(id)) really.set(id, job.retry_safety)
        return { ...job, retry_safety: safety }
      }
    },
    ports: (ports, state) => ({
      ...ports,
      now: () => {
        stepping = true
        return ports.now()
      },
      commit: (out) => {
        stepping = false
        for (const [id, job] of out.rows.jobs) {
          const row = { ...job, retry_safety: really.get(id) ?? job.retry_safety }
          out.rows.jobs.set(id, row)
          if (state.jobs.has(id)) indexJob(state, row)
        }
        return ports.commit(out)
      },
    }),
  }
}

/** A running job that is about to be given up is handled as always safe to retry. */
export const blindRerun = (): Mutant => asIfSafe('always', ({ status }) => status === 'running')

/** The program runs with other settings than it was given. */
export function withSettings(change: Partial<State['settings']>): Mutant {
  return { ...ORIGINAL, state: (state) => void Object.assign(state, { settings: { ...state.settings, ...change } }) }
}

/** A key for a new robot admits an existing one. */
export const anyNewKey = (): Mutant => ({
  ...ORIGINAL,
  event: (event, { sockets, keysBySecret }) => {
    if (event.type !== 'robot.message' || event.message.type !== 'register') return event
    const own = hashOf(`crpa_${event.message.payload.robot_id}`)
    const fresh = sockets.get(event.socket)?.credential === hashOf(FRESH) && keysBySecret.has(own)
    return fresh ? { ...event, credential: own } : event
  },
})
