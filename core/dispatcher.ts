import type { Turn } from './effects.ts'
import type { JobId, Millis, RobotId } from './ids.ts'
import { offer } from './offer.ts'
import { best, goesBefore, type JobClass, type Needs, type Waiting } from './queue.ts'
import { type Free, isFreer, type Kind, suits } from './roster.ts'
import type { State } from './state.ts'

/**
 * Offers jobs to robots until no waiting job has a free robot that may run it. Called after every event.
 *
 * Since that held before the event, only the jobs and the robots that the event touched have to be looked at.
 */
export function dispatch(state: State, turn: Turn): void {
  const { touchedClasses, touchedRobots } = state.roster
  if (state.draining) return
  for (const robot of touchedRobots) fill(state, robot, turn)
  touchedRobots.clear()
  while (touchedClasses.size > 0) {
    const jobs = mostUrgent(state, turn.now)
    if (jobs === undefined) break
    if (!place(state, jobs, turn)) touchedClasses.delete(jobs)
  }
  touchedClasses.clear()
  // What was offered just now has touched its robots again, and left them with nothing to run.
  touchedRobots.clear()
}

/** Gives a robot the jobs whose turn it is, until its slots are full or nothing is left that it may run. */
function fill(state: State, id: RobotId, turn: Turn): void {
  const kind = state.roster.kindOf.get(id)
  while (kind?.free.has(id) === true) {
    const job = bestFor(state, kind, id, turn.now)
    if (job === undefined) return
    offer(state, job, id, turn)
  }
}

function bestFor(state: State, kind: Kind, id: RobotId, now: Millis): JobId | undefined {
  const { agingMs } = state.settings
  const barred = state.sessions.get(id)?.barred
  let leader: Waiting | undefined
  const consider = (jobs: JobClass): void => {
    const head = best(jobs, now, agingMs, (job) => barred?.has(job.id) !== true)
    if (head !== undefined && (leader === undefined || goesBefore(head, leader, now, agingMs))) leader = head
  }
  kind.classes.forEach(consider)
  state.roster.pinned.get(id)?.forEach((jobs) => {
    if (suits(kind, jobs.needs)) consider(jobs)
  })
  return leader?.id
}

function mostUrgent(state: State, now: Millis): JobClass | undefined {
  const { agingMs } = state.settings
  let leader: { jobs: JobClass; head: Waiting } | undefined
  for (const jobs of state.roster.touchedClasses) {
    const head = best(jobs, now, agingMs, () => true)
    if (head !== undefined && (leader === undefined || goesBefore(head, leader.head, now, agingMs))) {
      leader = { jobs, head }
    }
  }
  return leader?.jobs
}

/** Offers the first job of the class that some free robot may run. False when there is none. */
function place(state: State, jobs: JobClass, turn: Turn): boolean {
  if (freeRobotFor(state, jobs.needs, null) === undefined) return false
  let robot: RobotId | undefined
  const job = best(jobs, turn.now, state.settings.agingMs, (waiting) => {
    robot = freeRobotFor(state, jobs.needs, waiting.id)
    return robot !== undefined
  })
  if (job === undefined) return false
  robot = freeRobotFor(state, jobs.needs, job.id)
  if (robot === undefined) return false
  offer(state, job.id, robot, turn)
  return true
}

/** The robot to ask first for such a job; with `job` null, whatever jobs the robots are barred from. */
function freeRobotFor(state: State, needs: Needs, job: JobId | null): RobotId | undefined {
  const { roster, sessions } = state
  const open = (free: Free): boolean => job === null || sessions.get(free.robot)?.barred.has(job) !== true
  if (needs.robot !== null) {
    const kind = roster.kindOf.get(needs.robot)
    const free = kind?.free.get(needs.robot)
    return kind !== undefined && free !== undefined && suits(kind, needs) && open(free) ? needs.robot : undefined
  }
  let leader: Free | undefined
  for (const kind of roster.kinds.values()) {
    if (kind.free.size === 0 || !suits(kind, needs)) continue
    const free = kind.free.first(open)
    if (free !== undefined && (leader === undefined || isFreer(free, leader))) leader = free
  }
  return leader?.robot
}
