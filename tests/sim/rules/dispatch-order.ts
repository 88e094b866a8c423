import type { JobId, RobotId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { State } from '../../../core/state.ts'
import type { Truth } from '../truth/truth.ts'
import type { Rule } from './rule.ts'
import { mayRun } from './memory.ts'
import type { Session } from '../../../core/session.ts'
import { foreignSlots } from '../../../core/queue/matching.ts'
import { demand } from '../violation.ts'
import type { HistoryRow } from '../../../core/records/job-history.ts'

/**
 * The order of dispatch and the choice of robots: the rules I20, I22 and I23. They judge only what did not change in
 * the same turn.
 */

/** The state of a robot after the previous turn. */
interface Before {
  session: Session
  load: number
  elsewhere: number
  idleSince: number
  lastOffer: number
  /** It could have been offered any job that it may run. */
  open: boolean
  free: boolean
}
type Robots = Map<RobotId, Before>
/** After the turn before the last one, and after the last one. */
const remembered = new WeakMap<State, { former: Robots | undefined; last: Robots }>()

/** DESIGN 5.2: one priority more for each step of age, and at most one above the most urgent. */
function urgency(job: JobRow, at: number, agingMs: number): number {
  return Math.min(job.priority + Math.floor(Math.max(0, at - (job.queued_at ?? at)) / agingMs), 4)
}

/** I20, I22: nobody who waits and could have gone there is passed over for one less urgent, or later. */
const theMoreUrgentFirst: Rule = ({ truth, state, change }) => {
  if (state === null) return
  const before = remembered.get(state)?.former
  const changed = new Set<JobId>(change.jobs.map(({ after }) => after.id))
  const offers = change.history.filter(({ event }) => event === 'offer')
  if (before === undefined || offers.length === 0) return
  const waiting = [...state.jobs.values()].filter((job) =>
    job.status === 'queued' && job.offer_until === null && !changed.has(job.id)
  )
  for (const entry of offers) {
    const robot = truth.robots.get(entry.robot_id as RobotId)
    const was = before.get(entry.robot_id as RobotId)
    const session = state.sessions.get(entry.robot_id as RobotId)
    const offered = truth.jobs.get(entry.job_id)
    if (robot === undefined || offered === undefined || was?.open !== true || was.session !== session) continue
    // A robot that was changed in this turn may have become fit for a job only after the offer.
    if (truth.shapesOf(robot.id).length > 1) continue
    const { agingMs } = truth.settings
    const mine = urgency(offered, entry.at, agingMs)
    for (const job of waiting) {
      if (!mayRun(robot, job)) continue
      const its = urgency(job, entry.at, agingMs)
      const who = (): string => `${job.id} waits for ${robot.id}, which was offered ${offered.id}`
      demand(its <= mine, 'I20', () => `${who()}: ${its} is more urgent than ${mine}`)
      if (its < mine) continue
      const [a, b] = [offered.queued_at ?? 0, job.queued_at ?? 0]
      demand(a < b || (a === b && offered.seq < job.seq), 'I22', () => `${who()}, though it has waited longer`)
    }
  }
}

/** I23: a job that comes while several robots are free goes to the one that the strategy names. */
const theStrategyHolds: Rule = ({ truth, state, change }) => {
  if (state === null) return
  const before = remembered.get(state)?.former
  const offers = change.history.filter(({ event }) => event === 'offer')
  const [offer] = offers
  if (before === undefined || offer === undefined || offers.length > 1) return
  const job = change.jobs.find(({ after }) => after.id === offer.job_id)
  const chosen = before.get(offer.robot_id as RobotId)
  if (job === undefined || !cameJustNow(job.before) || chosen?.free !== true) return
  if (change.history.filter(({ robot_id }) => robot_id === offer.robot_id).length > 1) return
  if (workElsewhere(state, offer.robot_id as RobotId) !== chosen.elsewhere) return
  for (const [id, other] of before) {
    const robot = truth.robots.get(id)
    if (id === offer.robot_id || robot === undefined || !other.free || !other.open || !mayRun(robot, job.after)) {
      continue
    }
    if (isTouched(state, truth, id, other, change.history)) continue
    const who = (): string => `${job.after.id} went to ${offer.robot_id}, and ${id}`
    if (truth.settings.strategy === 'least_loaded') {
      demand(chosen.load <= other.load, 'I23', () => `${who()} had less to do`)
      const longer = chosen.load < other.load || chosen.idleSince <= other.idleSince
      demand(longer, 'I23', () => `${who()} had been idle for longer`)
    } else if (truth.settings.strategy === 'round_robin') {
      demand(chosen.lastOffer <= other.lastOffer, 'I23', () => `${who()} had waited longer for its turn`)
    }
  }
}

/** It was not waiting before this turn, so that it was offered when it came. */
function cameJustNow(before: JobRow | undefined): boolean {
  return before === undefined || before.status === 'pending'
}

/** Slots that a robot says are not for our jobs. */
function workElsewhere(state: State, id: RobotId): number | undefined {
  const session = state.sessions.get(id)
  return session === undefined ? undefined : foreignSlots(session)
}

function isTouched(
  state: State,
  truth: Truth,
  id: RobotId,
  was: Before,
  history: readonly HistoryRow[],
): boolean {
  return state.sessions.get(id) !== was.session || workElsewhere(state, id) !== was.elsewhere ||
    state.sessions.get(id)?.idleSince !== was.idleSince ||
    truth.shapesOf(id).length > 1 || history.some(({ robot_id }) => robot_id === id) ||
    state.matching.groupOf.get(id)?.free.has(id) !== true
}

/** Keeps what the next turn is judged by. To be called after every turn, whether it wrote anything or not. */
export function rememberRobots(state: State): void {
  const kept = remembered.get(state)
  const robots: Robots = kept?.former ?? new Map()
  remembered.set(state, { former: kept?.last, last: robots })
  for (const id of robots.keys()) if (!state.sessions.has(id)) robots.delete(id)
  for (const [id, session] of state.sessions) {
    let before = robots.get(id)
    if (before === undefined) {
      before = { session, load: 0, elsewhere: 0, idleSince: 0, lastOffer: 0, open: false, free: false }
      robots.set(id, before)
    }
    const slots = state.robots.get(id)?.max_concurrent_jobs ?? 0
    before.session = session
    before.elsewhere = foreignSlots(session)
    before.load = ((state.held.get(id)?.size ?? 0) + before.elsewhere) / slots
    before.idleSince = session.idleSince
    before.lastOffer = session.lastOffer
    before.open = session.excluded.size === 0 && session.reported !== null
    before.free = state.matching.groupOf.get(id)?.free.has(id) === true
  }
}

export const ORDER_RULES: readonly Rule[] = [theMoreUrgentFirst, theStrategyHolds]
