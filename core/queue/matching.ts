import { Heap } from '../base/heap.ts'
import type { RobotId } from '../base/ids.ts'
import { isWaiting, type JobRow } from '../records/job.ts'
import type { Strategy } from '../settings.ts'
import { tokenOf } from '../base/json.ts'
import { addWaiting, classKey, countWaiting, jobNeeds, newJobClass, removeWaiting } from './queue.ts'
import { REPERTOIRE_NAMES, repertoireOf, runsDefinition, unreadable } from '../protocol/repertoire.ts'
import type { State } from '../state.ts'
import type { RobotRow } from '../records/robot.ts'
import type { Abilities, FreeRobot, JobClass, JobNeeds, MatchingIndex, RobotGroup } from '../indexes.ts'
import type { Session } from '../session.ts'

/** Without waiting jobs and robots. */
export function newMatchingIndex(strategy: Strategy): MatchingIndex {
  return {
    before: strategy === 'round_robin' ? wasOfferedEarlier : isFreer,
    classes: new Map(),
    groups: new Map(),
    groupOf: new Map(),
    groupedBy: new Map(),
    abilityGroups: new Map(),
    abilityGroupOf: new Map(),
    namedWorkflows: new Map(),
    pinned: new Map(),
    dirtyClasses: new Set(),
    dirtyRobots: new Set(),
  }
}

/** Updates the queue after a job has changed from `before` to `job`. */
export function indexWaiting(state: State, before: JobRow | undefined, job: JobRow): void {
  if (before !== undefined && isWaiting(before)) unqueue(state, before)
  if (isWaiting(job)) enqueue(state, job)
}

/** Updates the groups after a robot's row, session or jobs have changed. */
export function indexRobot(state: State, id: RobotId): void {
  const { matching } = state
  const robot = state.robots.get(id)
  const session = state.sessions.get(id)
  const former = matching.groupOf.get(id)
  const group = robot === undefined || session === undefined
    ? undefined
    : former !== undefined && offersTheSame(robot, matching.groupedBy.get(id))
    ? former
    : groupFor(matching, robot)
  if (former !== undefined && former !== group) leaveGroup(matching, former, id)
  if (robot === undefined || session === undefined || group === undefined) return
  if (former !== group) {
    group.robots.add(id)
    matching.groupOf.set(id, group)
  }
  matching.groupedBy.set(id, robot)
  const held = state.held.get(id)?.size ?? 0
  const used = held + foreignSlots(session)
  if (isAvailable(robot, session) && used < robot.max_concurrent_jobs) {
    const load = used / robot.max_concurrent_jobs
    group.free.set(id, { robot: id, load, idleSince: session.idleSince, lastOffer: session.lastOffer })
    matching.dirtyRobots.add(id)
  } else {
    group.free.delete(id)
  }
}

/**
 * True if the fields for matching are unchanged. Compares by reference, since rows share unchanged values, and nearly
 * every heartbeat changes other fields only.
 */
export function offersTheSame(robot: RobotRow, former: RobotRow | undefined): boolean {
  return former?.environment === robot.environment && former.tags === robot.tags &&
    former.capabilities === robot.capabilities
}

/** Marks a waiting job to be matched again, because a robot that was excluded from it is available. */
export function markDirty(state: State, job: JobRow): void {
  const jobs = state.matching.classes.get(classKey(jobNeeds(state, job)))
  if (jobs !== undefined) state.matching.dirtyClasses.add(jobs)
}

/** True unless a user has paused the robot or asked it to shut down. */
export function takesJobs({ mode }: Pick<RobotRow, 'mode'>): boolean {
  return mode === 'active' || mode === 'resuming'
}

/**
 * True if a connected robot takes jobs at all, apart from its slots: not while it is paused, cooling down, or behind.
 */
function isAvailable(robot: RobotRow, session: Session): boolean {
  return takesJobs(robot) && !session.paused && !session.coolingDown && !isBehind(session)
}

/** True if the robot has not answered an offer in time: it is not reading, and gets no more offers. */
export function isBehind(session: Session): boolean {
  for (const request of session.offers.values()) if (request !== null) return true
  return false
}

/** True if robots with these abilities can run jobs with these needs. DESIGN.md 5.2. */
export function canRun(abilities: Abilities, needs: JobNeeds): boolean {
  return (needs.environment === '' || abilities.environment === 'default' ||
    abilities.environment === needs.environment) &&
    needs.tags.every((tag) => abilities.tags.has(tag)) &&
    needs.capabilities.every((capability) => abilities.capabilities.has(capability)) &&
    runsDefinition(abilities.repertoire, needs)
}

/** The order of `round_robin`: the robot whose last offer was earlier goes first. */
function wasOfferedEarlier(a: FreeRobot, b: FreeRobot): boolean {
  return a.lastOffer < b.lastOffer || (a.lastOffer === b.lastOffer && a.robot < b.robot)
}

/** The order of `least_loaded`: the lower load first, then the longer idle. */
function isFreer(a: FreeRobot, b: FreeRobot): boolean {
  if (a.load !== b.load) return a.load < b.load
  return a.idleSince < b.idleSince || (a.idleSince === b.idleSince && a.robot < b.robot)
}

/** Runs a change of the classes of these waiting jobs, and queues them anew. */
export function regroup(state: State, jobs: readonly JobRow[], change: () => void): void {
  for (const job of jobs) unqueue(state, job)
  change()
  for (const job of jobs) enqueue(state, job)
}

function enqueue(state: State, job: JobRow): void {
  const { matching } = state
  const needs = jobNeeds(state, job)
  const key = classKey(needs)
  let jobs = matching.classes.get(key)
  if (jobs === undefined) {
    jobs = newJobClass(key, needs)
    matching.classes.set(key, jobs)
    link(matching, jobs)
  }
  addWaiting(jobs, job)
  matching.dirtyClasses.add(jobs)
}

function unqueue(state: State, job: JobRow): void {
  const { matching } = state
  const jobs = matching.classes.get(classKey(jobNeeds(state, job)))
  if (jobs === undefined) return
  removeWaiting(jobs, job)
  if (countWaiting(jobs) > 0) return
  matching.classes.delete(jobs.key)
  matching.dirtyClasses.delete(jobs)
  if (jobs.needs.robot === null) { for (const group of matching.groups.values()) group.classes.delete(jobs) }
  else {
    const classes = matching.pinned.get(jobs.needs.robot)
    classes?.delete(jobs)
    if (classes?.size === 0) matching.pinned.delete(jobs.needs.robot)
  }
}

function link(matching: MatchingIndex, jobs: JobClass): void {
  const { robot } = jobs.needs
  if (robot === null) {
    for (const group of matching.groups.values()) if (canRun(group, jobs.needs)) group.classes.add(jobs)
    return
  }
  const classes = matching.pinned.get(robot)
  if (classes === undefined) matching.pinned.set(robot, new Set([jobs]))
  else classes.add(jobs)
}

/** The abilities of a robot by its row. A capability reported as false or empty counts as absent. */
export function abilitiesOf({ environment, tags, capabilities }: RobotRow): Abilities {
  const repertoire = repertoireOf(capabilities)
  const reported = repertoire === null
    ? []
    : REPERTOIRE_NAMES.filter((name) => !unreadable(capabilities).includes(name))
  const names = Object.keys(capabilities).filter((name) =>
    isTruthy(capabilities[name]) && !reported.includes(name as never)
  )
    .toSorted()
  return {
    key: JSON.stringify([environment, tags.toSorted(), names, ...reported.map((name) => [name, capabilities[name]])]),
    environment,
    tags: new Set(tags),
    capabilities: new Set(names),
    repertoire,
  }
}

/** For a number in its original notation, the value counts. */
function isTruthy(value: unknown): boolean {
  const token = tokenOf(value)
  return Boolean(token === null ? value : Number(token))
}

function groupFor(matching: MatchingIndex, robot: RobotRow): RobotGroup {
  const abilities = abilitiesOf(robot)
  const known = matching.groups.get(abilities.key)
  if (known !== undefined) return known
  const group: RobotGroup = { ...abilities, robots: new Set(), free: new Heap(matching.before), classes: new Set() }
  matching.groups.set(group.key, group)
  for (const jobs of matching.classes.values()) {
    if (jobs.needs.robot === null && canRun(group, jobs.needs)) group.classes.add(jobs)
  }
  return group
}

function leaveGroup(matching: MatchingIndex, group: RobotGroup, id: RobotId): void {
  group.free.delete(id)
  group.robots.delete(id)
  matching.groupOf.delete(id)
  matching.groupedBy.delete(id)
  matching.dirtyRobots.delete(id)
  if (group.robots.size === 0) matching.groups.delete(group.key)
}

/** The number of a robot's slots that other work occupies. */
export function foreignSlots({ foreignJobs, foreignLoad }: Session): number {
  return foreignJobs.size + foreignLoad
}
