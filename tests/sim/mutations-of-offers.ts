import type { JobId } from '../../core/ids.ts'
import type { JobRow, RetrySafety } from '../../core/job.ts'
import { place } from '../../core/keep.ts'
import type { RobotMessage } from '../../core/protocol/message.ts'
import type { Session, State } from '../../core/state.ts'
import { hearing } from './mutations.ts'
import { type Plant, SOUND } from './plant.ts'

/** Mutations of what is taken for proof that an offer was not started. */

/** Jobs on offer that pass the test are looked at as if they might run twice; their rows stay as they are. */
function asIfRepeatable(passes: (job: JobRow) => boolean): Plant {
  let stepping = false
  const really = new Map<JobId, RetrySafety>()
  return {
    ...SOUND,
    state: ({ jobs }) => {
      const get = jobs.get.bind(jobs)
      jobs.get = (id) => {
        const job = get(id)
        if (!stepping || job === undefined || job.offer_until === null || !passes(job)) return job
        if (!really.has(id)) really.set(id, job.retry_safety)
        return { ...job, retry_safety: 'unless_accepted' }
      }
    },
    shell: (shell, state) => ({
      ...shell,
      now: () => {
        stepping = true
        return shell.now()
      },
      commit: (out) => {
        stepping = false
        for (const [id, job] of out.rows.jobs) {
          const row = { ...job, retry_safety: really.get(id) ?? job.retry_safety }
          out.rows.jobs.set(id, row)
          if (state.jobs.has(id)) place(state, row)
        }
        return shell.commit(out)
      },
    }),
  }
}

/** An offer that is not answered in time goes to another robot: what the program did before. */
export const lapsesUnproved = (): Plant => asIfRepeatable(() => true)

/** Only what a restart finds on offer does. */
export function lapsesOverRestarts(): Plant {
  let found: ReadonlySet<string> = new Set()
  const plant = asIfRepeatable(({ id, attempt }) => found.has(`${id} ${attempt}`))
  const state = (loaded: State): void => {
    found = new Set(
      [...loaded.jobs.values()].filter(({ offer_until }) => offer_until !== null).map(({ id, attempt }) =>
        `${id} ${attempt}`
      ),
    )
    plant.state(loaded)
  }
  return { ...plant, state }
}

/** What the offers of each new session are changed to. */
function withOffers(change: (session: Session) => void): Plant {
  return {
    ...SOUND,
    state: ({ sessions }) => {
      const set = sessions.set.bind(sessions)
      sessions.set = (id, session) => {
        change(session)
        return set(id, session)
      }
    },
  }
}

/** A list on a new connection is taken for proof, as if the offer had been made on it. */
export const anyConnectionProves = (): Plant =>
  withOffers(({ offers }) => {
    const [has, get] = [offers.has.bind(offers), offers.get.bind(offers)]
    offers.has = () => true
    offers.get = (id) => has(id) ? get(id) : 0
  })

/** Any list is taken for proof, one that was written before the offer had been read, too. */
export const anyListProves = (): Plant =>
  withOffers(({ offers }) => {
    const get = offers.get.bind(offers)
    offers.get = (id) => typeof get(id) === 'number' ? 0 : get(id)
  })

/** What a robot says that it has read is not looked at: all that was offered to its memory counts as unread. */
export const memoryIsEmpty = (): Plant =>
  hearing((message) =>
    message.type === 'register' && message.payload.memory !== undefined
      ? {
        ...message,
        payload: { ...message.payload, memory: { ...message.payload.memory, offers: [] } },
      } as RobotMessage
      : message
  )

/** A robot that is gone has let its offers pass: they go to other robots. */
export const lostMeansUnread = (): Plant => ({
  ...SOUND,
  event: (event, state) => {
    if (event.type === 'socket.closed') {
      for (const job of state.jobs.values()) {
        const robot = state.sockets.get(event.socket)?.robot
        if (job.offer_until !== null && job.robot_id === robot && job.retry_safety === 'unless_started') {
          place(state, { ...job, status: 'queued', offer_until: null, offered_at: null })
        }
      }
    }
    return event
  },
})
