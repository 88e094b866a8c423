import type { RobotId } from '../../../core/base/ids.ts'
import { indexJob } from '../../../core/jobs/save.ts'
import type { RobotMessage } from '../../../core/protocol/message.ts'
import type { State } from '../../../core/state.ts'
import { asIfSafe, changingMessages } from './mutations.ts'
import { type Mutant, ORIGINAL } from './mutant.ts'
import type { Session } from '../../../core/session.ts'

/** Mutations of what is taken for proof that an offer was not started. */

/** An offer that is not answered in time goes to another robot: what the program did before. */
export const lapsesUnproved = (): Mutant => asIfSafe('unless_accepted', ({ offer_until }) => offer_until !== null)

/** Only what a restart finds on offer does. */
export function lapsesOverRestarts(): Mutant {
  let found: ReadonlySet<string> = new Set()
  const mutant = asIfSafe(
    'unless_accepted',
    ({ id, offer, offer_until }) => offer_until !== null && found.has(`${id} ${offer}`),
  )
  const state = (loaded: State): void => {
    found = new Set(
      [...loaded.jobs.values()].filter(({ offer_until }) => offer_until !== null).map(({ id, offer }) =>
        `${id} ${offer}`
      ),
    )
    mutant.state(loaded)
  }
  return { ...mutant, state }
}

/** Changes the offers of each new session. */
function withOffers(change: (session: Session) => void): Mutant {
  return {
    ...ORIGINAL,
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
export const anyConnectionProves = (): Mutant =>
  withOffers(({ offers }) => {
    const [has, get] = [offers.has.bind(offers), offers.get.bind(offers)]
    offers.has = () => true
    offers.get = (id) => has(id) ? get(id) : 0
  })

/** Any list is taken for proof, one that was written before the offer had been read, too. */
export const anyListProves = (): Mutant =>
  withOffers(({ offers }) => {
    const get = offers.get.bind(offers)
    offers.get = (id) => typeof get(id) === 'number' ? 0 : get(id)
  })

/** The offers that a robot declares to have read are ignored: all that were made to its memory count as unread. */
export const memoryIsEmpty = (): Mutant =>
  changingMessages((message) =>
    message.type === 'register' && message.payload.memory !== undefined
      ? {
        ...message,
        payload: { ...message.payload, memory: { ...message.payload.memory, offers: [] } },
      } as RobotMessage
      : message
  )

/** A robot that is gone has let its offers pass: they go to other robots. */
export const lostMeansUnread = (): Mutant => ({
  ...ORIGINAL,
  event: (event, state) => {
    if (event.type === 'socket.closed') {
      for (const job of state.jobs.values()) {
        const robot = state.sockets.get(event.socket)?.robot
        if (job.offer_until !== null && job.robot_id === robot && job.retry_safety === 'unless_started') {
          indexJob(state, { ...job, status: 'queued', offer_until: null, offered_at: null })
        }
      }
    }
    return event
  },
})

/** A robot's report without the job gives nothing back. */
export const answersIgnored = (): Mutant =>
  withOffers(({ offers }) => {
    const get = offers.get.bind(offers)
    offers.get = (id) => typeof get(id) === 'number' ? Infinity : get(id)
  })

/** Jobs time out by the clock alone, wherever their robot is. */
export const absenceTimesOut = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports, state) => ({
    ...ports,
    now: () => {
      for (const job of state.jobs.values()) {
        if (job.status !== 'running' || job.started_at === null || state.sessions.has(job.robot_id as RobotId)) continue
        state.timers.set('job.timeout', job.id, job.started_at + job.timeout_ms)
      }
      return ports.now()
    },
  }),
})

/** Only the jobs in a robot's list count, and its number of jobs is ignored (P52). */
export const countIgnored = (): Mutant => ({
  ...ORIGINAL,
  event: (event) => {
    if (event.type !== 'robot.message' || event.message.type !== 'heartbeat') return event
    const { message } = event
    const payload = { ...message.payload, current_jobs: message.payload.active_job_ids?.length ?? 0 }
    return { ...event, message: { ...message, payload } }
  },
})
