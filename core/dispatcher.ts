import type { Turn } from './effects.ts'
import { slotsElsewhere } from './elsewhere.ts'
import type { JobId, Millis, RobotId } from './ids.ts'
import type { Strategy } from './limits.ts'
import { offer } from './offer.ts'
import { best, goesBefore, type JobClass, type Needs, type Waiting } from './queue.ts'
import { type Free, type Kind, kindOfRow, suits } from './roster.ts'
import type { RobotRow, State } from './state.ts'

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
  return bestAmong(state, classesFor(state, kind, id), now, (job) => isOpenTo(state, id, job))
}

/** The classes with waiting jobs that a robot may run. */
function classesFor(state: State, kind: Kind, id: RobotId): readonly JobClass[] {
  const pinned = [...state.roster.pinned.get(id) ?? []].filter((jobs) => suits(kind, jobs.needs))
  return [...kind.classes, ...pinned]
}

function bestAmong(
  state: State,
  classes: readonly JobClass[],
  now: Millis,
  passes: (job: JobId) => boolean,
): JobId | undefined {
  const { agingMs } = state.settings
  let leader: Waiting | undefined
  for (const jobs of classes) {
    const head = best(jobs, now, agingMs, ({ id }) => passes(id))
    if (head !== undefined && (leader === undefined || goesBefore(head, leader, now, agingMs))) leader = head
  }
  return leader?.id
}

/**
 * Whether the dispatcher would give a robot this waiting job at once, if the robot were as `robot` says: `anew`, when it
 * registers so, and when it has said what it is running; with a `report`, when it says that it is there and runs nothing
 * else; or with a `resume`. For explanations: it asks the same questions in the same order, and changes nothing.
 */
export function wouldTake(
  state: State,
  robot: RobotRow,
  job: JobId,
  now: Millis,
  comes: 'anew' | 'report' | 'resume',
): boolean {
  const kind = kindOfRow(robot)
  const classes = [...state.roster.classes.values()].filter(({ needs }) =>
    (needs.robot === null || needs.robot === robot.id) && suits(kind, needs)
  )
  const taken = new Set<JobId>()
  const session = state.sessions.get(robot.id)
  const elsewhere = comes === 'resume' && session !== undefined ? slotsElsewhere(session) : 0
  const slots = robot.max_concurrent_jobs - (state.held.get(robot.id)?.size ?? 0) - elsewhere
  // Before it has said what it is running, a robot gets only what was never offered.
  const rounds: ((id: JobId) => boolean)[] = comes === 'anew'
    ? [(id) => state.jobs.get(id)?.attempt === 0, () => true]
    : [(id) => isOpenTo(state, robot.id, id)]
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

/** Whether some robot is free just now for a job that needs this: it would be offered at once. */
export function wouldBeTaken(state: State, needs: Needs, job: JobId): boolean {
  return !state.draining && freeRobotFor(state, needs, job) !== undefined
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
  const robots = new Map<JobId, RobotId>()
  const job = best(jobs, turn.now, state.settings.agingMs, ({ id }) => {
    const robot = freeRobotFor(state, jobs.needs, id)
    if (robot !== undefined) robots.set(id, robot)
    return robot !== undefined
  })
  const robot = job === undefined ? undefined : robots.get(job.id)
  if (job === undefined || robot === undefined) return false
  offer(state, job.id, robot, turn)
  return true
}

/** The robot to ask first for such a job; with `job` null, whether there is any, whatever jobs they are barred from. */
function freeRobotFor(state: State, needs: Needs, job: JobId | null): RobotId | undefined {
  const { roster } = state
  const open = (free: Free): boolean => job === null || isOpenTo(state, free.robot, job)
  if (needs.robot !== null) {
    const kind = roster.kindOf.get(needs.robot)
    const free = kind?.free.get(needs.robot)
    return kind !== undefined && free !== undefined && suits(kind, needs) && open(free) ? needs.robot : undefined
  }
  const kinds = [...roster.kinds.values()].filter((kind) => kind.free.size > 0 && suits(kind, needs))
  return job === null ? kinds[0]?.free.peek()?.robot : choose[state.settings.strategy](state, kinds, open, job)
}

/**
 * Not a job that it is barred from; nor, until it has said what it is running, one that was offered before: it may be
 * running that since an earlier connection.
 */
function isOpenTo(state: State, robot: RobotId, job: JobId): boolean {
  const session = state.sessions.get(robot)
  if (session === undefined || session.barred.has(job)) return false
  return session.reported !== null || state.jobs.get(job)?.attempt === 0
}

type Choose = (
  state: State,
  kinds: readonly Kind[],
  open: (free: Free) => boolean,
  job: JobId,
) => RobotId | undefined

/** How each strategy chooses among the free robots that may run a job. DESIGN.md 5.2. */
const choose: { readonly [S in Strategy]: Choose } = {
  least_loaded: firstOf,
  round_robin: firstOf,
  random(state, kinds, open, job) {
    let at = Math.floor(state.random() * kinds.reduce((sum, kind) => sum + kind.free.size, 0))
    for (const kind of kinds) {
      const free = kind.free.values()[at]
      if (free !== undefined) return open(free) ? free.robot : firstOf(state, kinds, open, job)
      at -= kind.free.size
    }
    return undefined
  },
  /** Whoever has completed this workflow most often; a robot that never has comes last. */
  affinity(state, kinds, open, job) {
    const workflow = state.jobs.get(job)?.workflow_id
    const successes = workflow === undefined ? undefined : state.affinities.get(workflow)
    let leader: { free: Free; count: number } | undefined
    for (const [robot, count] of successes ?? []) {
      const kind = state.roster.kindOf.get(robot)
      const free = kind === undefined || !kinds.includes(kind) ? undefined : kind.free.get(robot)
      if (free === undefined || !open(free) || (leader !== undefined && count < leader.count)) continue
      if (leader === undefined || count > leader.count || state.roster.before(free, leader.free)) {
        leader = { free, count }
      }
    }
    return leader?.free.robot ?? firstOf(state, kinds, open, job)
  },
  /** Whoever can do the least besides, so that robots that can do more stay free for jobs that ask for more. */
  capability_match(state, kinds, open, job) {
    const abilities = (kind: Kind): number => kind.tags.size + kind.capabilities.size
    for (const count of [...new Set(kinds.map(abilities))].toSorted((a, b) => a - b)) {
      const robot = firstOf(state, kinds.filter((kind) => abilities(kind) === count), open, job)
      if (robot !== undefined) return robot
    }
    return undefined
  },
}

/** The first of all, in the order in which each kind keeps its free robots. */
function firstOf(
  state: State,
  kinds: readonly Kind[],
  open: (free: Free) => boolean,
  _job: JobId,
): RobotId | undefined {
  let leader: Free | undefined
  for (const kind of kinds) {
    const free = kind.free.first(open)
    if (free !== undefined && (leader === undefined || state.roster.before(free, leader))) leader = free
  }
  return leader?.robot
}
