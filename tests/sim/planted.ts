import { memoryStore } from '../../adapters/store/memory.ts'
import { Receipt } from '../../core/effects.ts'
import type { Event } from '../../core/event.ts'
import type { JobId } from '../../core/ids.ts'
import type { JobRow, RetrySafety } from '../../core/job.ts'
import type { RobotMessage } from '../../core/protocol/message.ts'
import type { State } from '../../core/state.ts'
import type { TimerName } from '../../core/timers.ts'
import { TAGS } from './client.ts'
import { type Plant, SOUND } from './plant.ts'
import { Violation } from './rule.ts'
import { type Outcome, simulate } from './run.ts'
import type { Fault } from './weather.ts'

/**
 * Bugs that people really write, put around the sound program one at a time. Each must be found within so many seeds:
 * one that is not is an invariant that nobody has written. Kept in the order of the parts of a turn.
 */
export interface Planted {
  readonly bug: string
  readonly plant: () => Plant
  /** The faults that it is about. */
  readonly certain?: readonly Fault[]
  /** Seeds after which it must have been found. */
  readonly within: number
}

/** A plant that tampers with what robots say. */
function hearing(change: (message: RobotMessage, state: State) => RobotMessage): Plant {
  const event = (event: Event, state: State): Event =>
    event.type === 'robot.said' ? { ...event, message: change(event.message, state) } : event
  return { ...SOUND, event }
}

/** A plant in which a kind of deadline is never set. */
function forgetting(...names: readonly TimerName[]): Plant {
  const state = ({ timers }: State): void => {
    const set = timers.set.bind(timers)
    timers.set = (why, id, at) => {
      if (!names.includes(why)) set(why, id, at)
    }
    // What was set while it was loaded is forgotten, too.
    for (const why of names) for (const id of timerIds) timers.cancel(why, id)
  }
  const timerIds = Array.from({ length: 300 }, (_, number) => [`job-${number}`, `robot-${number}`]).flat()
  return { ...SOUND, state }
}

const speakFirst = (): Plant => ({
  ...SOUND,
  shell: (shell) => ({
    ...shell,
    commit: (out) => {
      void Promise.resolve(shell.commit(out)).catch(() => {})
      return new Receipt(out.turn)
    },
  }),
})

const ignoreFailure = (): Plant => ({
  ...SOUND,
  shell: (shell) => ({
    ...shell,
    commit: async (out) => {
      try {
        return await shell.commit(out)
      } catch {
        return new Receipt(out.turn)
      }
    },
  }),
})

/** Every fifth commit with jobs loses one of them. */
function loseARow(): Plant {
  let commits = 0
  return {
    ...SOUND,
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
function noEpoch(): Plant {
  let shared: ReturnType<typeof memoryStore> | null = null
  return { ...SOUND, store: (store) => shared ??= store }
}

const neverFetch = (): Plant => ({ ...SOUND, shell: (shell) => ({ ...shell, find: () => new Map() }) })

/** The alarm is set when the process starts, and never again. */
const oneAlarm = (): Plant => ({
  ...SOUND,
  shell: (shell) => {
    let armed = false
    const wake = (at: number | null): void => {
      if (!armed) shell.wake(at)
      armed ||= at !== null
    }
    return { ...shell, wake }
  },
})

const sayTwice = (): Plant => ({
  ...SOUND,
  shell: (shell) => ({
    ...shell,
    deliver: (send) => {
      shell.deliver(send)
      if (send.to === 'socket' && 'message' in send && send.message.type === 'job_assign') shell.deliver(send)
    },
  }),
})

/** What an old socket says counts for the robot's present one. */
const noSession = (): Plant => ({
  ...SOUND,
  event: (event, state) => {
    if (event.type !== 'robot.said' || event.message.type === 'register') return event
    if (!('robot_id' in event.message.payload)) return event
    const session = state.sessions.get(event.message.payload.robot_id)
    const socket = state.sockets.get(event.socket)
    const old = socket === undefined || socket.closing || socket.robot === null
    return old && session !== undefined ? { ...event, socket: session.socket } : event
  },
})

/** Who speaks is taken from the message. */
const anybody = (): Plant => ({
  ...SOUND,
  event: (event, state) => {
    if (event.type !== 'robot.said' || event.message.type === 'register') return event
    if (!('robot_id' in event.message.payload)) return event
    const session = state.sessions.get(event.message.payload.robot_id)
    return session === undefined ? event : { ...event, socket: session.socket }
  },
})

const noAttempt = (): Plant =>
  hearing((message, state) => {
    const { payload } = message
    if (!('job_id' in payload) || !('attempt' in payload) || payload.attempt === undefined) return message
    const attempt = state.jobs.get(payload.job_id)?.attempt ?? payload.attempt
    // The same message with another number in it.
    return { ...message, payload: { ...payload, attempt: Math.max(1, attempt) } } as RobotMessage
  })

const oneSlotMore = (): Plant =>
  hearing((message) =>
    message.type === 'register'
      ? { ...message, payload: { ...message.payload, max_concurrent_jobs: message.payload.max_concurrent_jobs + 1 } }
      : message
  )

const everyTag = (): Plant =>
  hearing((message) =>
    message.type === 'register' ? { ...message, payload: { ...message.payload, tags: [...TAGS] } } : message
  )

const pausedIsOnline = (): Plant =>
  hearing((message) =>
    message.type === 'heartbeat' || message.type === 'status_response'
      ? { ...message, payload: { ...message.payload, status: 'online' } } as RobotMessage
      : message
  )

/** A running job that is looked at to be given up says that it may always be run again. */
function blindRerun(): Plant {
  let stepping = false
  const really = new Map<JobId, RetrySafety>()
  const restored = (job: JobRow): JobRow => ({ ...job, retry_safety: really.get(job.id) ?? job.retry_safety })
  return {
    ...SOUND,
    state: ({ jobs }) => {
      const get = jobs.get.bind(jobs)
      jobs.get = (id) => {
        const job = get(id)
        if (!stepping || job === undefined || job.status !== 'running') return job
        if (!really.has(id)) really.set(id, job.retry_safety)
        return { ...job, retry_safety: 'always' }
      }
    },
    shell: (shell, { jobs }) => ({
      ...shell,
      now: () => {
        stepping = true
        return shell.now()
      },
      commit: (out) => {
        stepping = false
        for (const [id, job] of out.rows.jobs) {
          const row = restored(job)
          out.rows.jobs.set(id, row)
          if (jobs.has(id)) jobs.set(id, row)
        }
        return shell.commit(out)
      },
    }),
  }
}

/** Not a bug but a rule that cannot hold: shows that the harness fails when it should. */
export const CANARY: Plant = {
  ...SOUND,
  rules: [({ change }) => {
    if (change.jobs.length > 0) throw new Violation('canary', 'no job is ever written')
  }],
}

export const PLANTED: readonly Planted[] = [
  { bug: 'speak before the commit', within: 5, plant: speakFirst, certain: ['slowCommit'] },
  { bug: 'take a failed commit for done', within: 10, plant: ignoreFailure, certain: ['failedCommit'] },
  { bug: 'a commit loses a row', within: 5, plant: loseARow },
  { bug: 'no epoch in the store', within: 15, plant: noEpoch, certain: ['failedCommit'] },
  { bug: 'never fetch cold rows', within: 25, plant: neverFetch, certain: ['robotPause', 'halfOpen'] },
  { bug: 'alarm never set again', within: 5, plant: oneAlarm },
  { bug: 'an offer is sent twice', within: 5, plant: sayTwice },
  { bug: 'no session fence', within: 25, plant: noSession, certain: ['overlap'] },
  { bug: 'sender taken from the message', within: 5, plant: anybody, certain: ['hostile'] },
  { bug: 'no attempt fence', within: 25, plant: noAttempt, certain: ['robotPause', 'cut'] },
  { bug: 'one slot too many', within: 5, plant: oneSlotMore },
  { bug: 'tags ignored', within: 5, plant: everyTag },
  { bug: 'offers to paused robots', within: 10, plant: pausedIsOnline, certain: ['robotRests'] },
  { bug: 'lost jobs are run again', within: 10, plant: blindRerun, certain: ['robotCrash'] },
  { bug: 'offers never lapse', within: 5, plant: () => forgetting('job.offer') },
  { bug: 'lost robots never noticed', within: 25, plant: () => forgetting('robot.lost'), certain: ['robotCrash'] },
  {
    bug: 'silent robots never noticed',
    within: 25,
    plant: () => forgetting('robot.silent'),
    certain: ['halfOpen', 'robotCrash'],
  },
  { bug: 'back-off never ends', within: 5, plant: () => forgetting('job.ready') },
  { bug: 'jobs never time out', within: 5, plant: () => forgetting('job.timeout') },
]

/** The first seed that finds the bug, and what it says; null when none does in time. */
export async function find({ plant, certain = [], within }: Planted): Promise<Outcome | null> {
  for (let seed = 1; seed <= within; seed++) {
    const outcome = await simulate(seed, { ...plant(), certain })
    if (outcome.failure !== null) return outcome
  }
  return null
}
