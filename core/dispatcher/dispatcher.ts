import type { Turn } from '../turn.ts'
import type { JobId, Millis, RobotId } from '../base/ids.ts'
import { offer } from './offer.ts'
import { firstWaiting, goesBefore } from '../queue/queue.ts'
import { abilitiesOf, canRun, foreignSlots } from '../queue/matching.ts'
import type { State } from '../state.ts'
import type { RobotRow } from '../records/robot.ts'
import type { ConcurrencyGroup, FreeRobot, JobClass, JobNeeds, RobotGroup, WaitingJob } from '../indexes.ts'
import { transition } from '../jobs/transition.ts'
import type { JobRow } from '../records/job.ts'
import { blockedBy } from '../queue/concurrency.ts'
import { STRATEGIES } from './strategies.ts'

/**
 * Offers jobs to robots until no waiting job has a free robot that can run it. Runs after every event. Since that held
 * before the event, only the jobs and robots that the event touched have to be matched.
 */
export function dispatch(state: State, turn: Turn): void {
  const { dirtyClasses, dirtyRobots } = state.matching
  if (state.draining) return
  for (const robot of dirtyRobots) offerJobsTo(state, robot, turn)
  dirtyRobots.clear()
  while (dirtyClasses.size > 0) {
    const jobs = mostUrgent(state, turn.now)
    if (jobs === undefined) break
    if (!offerFrom(state, jobs, turn)) dirtyClasses.delete(jobs)
  }
  dirtyClasses.clear()
  // The offers have marked their robots again, but left them with nothing to run.
  dirtyRobots.clear()
}

/** Offers a robot the first jobs in line, until its slots are full or no job is left that it can run. */
function offerJobsTo(state: State, id: RobotId, turn: Turn): void {
  const group = state.matching.groupOf.get(id)
  while (group?.free.has(id) === true) {
    const job = bestFor(state, group, id, turn.now)
    if (job === undefined) return
    offer(state, job, id, turn)
  }
}

function bestFor(state: State, group: RobotGroup, id: RobotId, now: Millis): JobId | undefined {
  return bestAmong(state, classesFor(state, group, id), now, (job) => mayOffer(state, id, job))
}

/** The classes of waiting jobs that a robot can run. */
function classesFor(state: State, group: RobotGroup, id: RobotId): readonly JobClass[] {
  const pinned = [...state.matching.pinned.get(id) ?? []].filter((jobs) => canRun(group, jobs.needs))
  return [...group.classes, ...pinned]
}

function bestAmong(
  state: State,
  classes: readonly JobClass[],
  now: Millis,
  passes: (job: JobId) => boolean,
): JobId | undefined {
  const { agingMs } = state.settings
  let leader: WaitingJob | undefined
  for (const jobs of classes) {
    const head = firstWaiting(jobs, now, agingMs, ({ id }) => passes(id))
    if (head !== undefined && (leader === undefined || goesBefore(head, leader, now, agingMs))) leader = head
  }
  return leader?.id
}

/**
 * True if the dispatcher would offer a robot this waiting job at once if the robot were as `robot` says: `anew` when it
 * registers and has reported its jobs; `report` when it reports that it is available and runs nothing else; `resume`
 * when it is resumed. For explanations: it asks the same questions in the same order as the dispatcher, and changes
 * nothing.
 */
export function wouldTake(
  state: State,
  robot: RobotRow,
  job: JobId,
  now: Millis,
  comes: 'anew' | 'report' | 'resume',
): boolean {
  const abilities = abilitiesOf(robot)
  const classes = [...state.matching.classes.values()].filter(({ needs }) =>
    (needs.robot === null || needs.robot === robot.id) && canRun(abilities, needs)
  )
  const taken = new Set<JobId>()
  const session = state.sessions.get(robot.id)
  const foreign = comes === 'resume' && session !== undefined ? foreignSlots(session) : 0
  const slots = robot.max_concurrent_jobs - (state.held.get(robot.id)?.size ?? 0) - foreign
  // Before it has reported its jobs, a robot gets only jobs that were never offered.
  const rounds: ((id: JobId) => boolean)[] = comes === 'anew'
    ? [(id) => state.jobs.get(id)?.offer === 0, () => true]
    : [(id) => mayOffer(state, robot.id, id)]
  for (const passes of rounds) {
    while (taken.size < slots) {
      const next = bestAmong(state, classes, now, (id) => !taken.has(id) && passes(id))
      if (next === job) return true
      if (next === undefined) break
      taken.add(next)
    }
  }
  return false
}

/** True if a robot is free at present for a job with these needs, so that it would be offered at once. */
export function wouldBeTaken(state: State, needs: JobNeeds, job: JobId): boolean {
  return !state.draining && freeRobotFor(state, needs, job) !== undefined
}

function mostUrgent(state: State, now: Millis): JobClass | undefined {
  const { agingMs } = state.settings
  let leader: { jobs: JobClass; head: WaitingJob } | undefined
  for (const jobs of state.matching.dirtyClasses) {
    const head = firstWaiting(jobs, now, agingMs, () => true)
    if (head !== undefined && (leader === undefined || goesBefore(head, leader.head, now, agingMs))) {
      leader = { jobs, head }
    }
  }
  return leader?.jobs
}

/** Offers the first job of the class that a free robot can run. Returns false if there is none. */
function offerFrom(state: State, jobs: JobClass, turn: Turn): boolean {
  if (freeRobotFor(state, jobs.needs, null) === undefined) return false
  const robots = new Map<JobId, RobotId>()
  const job = firstWaiting(jobs, turn.now, state.settings.agingMs, ({ id }) => {
    const robot = freeRobotFor(state, jobs.needs, id)
    if (robot !== undefined) robots.set(id, robot)
    return robot !== undefined
  })
  const robot = job === undefined ? undefined : robots.get(job.id)
  if (job === undefined || robot === undefined) return false
  offer(state, job.id, robot, turn)
  return true
}

/** The robot to ask first for such a job. With `job` null, any free robot, regardless of exclusions. */
function freeRobotFor(state: State, needs: JobNeeds, job: JobId | null): RobotId | undefined {
  const { matching } = state
  const isOpen = (free: FreeRobot): boolean => job === null || mayOffer(state, free.robot, job)
  if (needs.robot !== null) {
    const group = matching.groupOf.get(needs.robot)
    const free = group?.free.get(needs.robot)
    return group !== undefined && free !== undefined && canRun(group, needs) && isOpen(free) ? needs.robot : undefined
  }
  const groups = [...matching.groups.values()].filter((group) => group.free.size > 0 && canRun(group, needs))
  return job === null ? groups[0]?.free.peek()?.robot : STRATEGIES[state.settings.strategy](state, groups, isOpen, job)
}

/**
 * True unless the robot is excluded from the job. Until the robot has reported its jobs, it does not get a job that was
 * offered before: it may be running that since an earlier connection.
 */
function mayOffer(state: State, robot: RobotId, job: JobId): boolean {
  const session = state.sessions.get(robot)
  if (session === undefined || session.excluded.has(job)) return false
  return session.reported !== null || state.jobs.get(job)?.offer === 0
}

/** Releases waiting jobs from concurrency groups that have room again. Runs after every event, before dispatch. */
export function releaseWaiting(state: State, turn: Turn): void {
  for (const group of state.concurrency.released) {
    for (let job = nextBlocked(state, group, turn.now); job !== undefined; job = nextBlocked(state, group, turn.now)) {
      transition(state, job, 'ready', turn, { by: 'orchestrator', detail: 'another job with the same limit has ended' })
    }
  }
  state.concurrency.released.clear()
}

function nextBlocked(state: State, group: ConcurrencyGroup, now: Millis): JobRow | undefined {
  const head = firstWaiting(group.waiting, now, state.settings.agingMs, ({ id }) => {
    const job = state.jobs.get(id)
    return job !== undefined && blockedBy(state, job).length === 0
  })
  return head === undefined ? undefined : state.jobs.get(head.id)
}
