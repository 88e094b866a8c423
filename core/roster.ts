import { foreignSlots } from './elsewhere.ts'
import { Heap } from './heap.ts'
import type { Millis, RobotId } from './ids.ts'
import { isWaiting, type JobRow } from './job.ts'
import type { Strategy } from './limits.ts'
import { tokenOf } from './protocol/json.ts'
import {
  addWaiting,
  classKey,
  countWaiting,
  type JobClass,
  type JobNeeds,
  jobNeeds,
  newJobClass,
  removeWaiting,
} from './queue.ts'
import { type Repertoire, REPERTOIRE_NAMES, repertoireOf, runsDefinition, unreadable } from './protocol/repertoire.ts'
import type { RobotRow, Session, State } from './state.ts'

/**
 * Who could run what: the waiting jobs by what they need, the robots by what they offer, and which suit which.
 *
 * Robots that offer the same form one group. Jobs are matched with groups, not with robots, and a match is worked out
 * once: an event costs as much as there are classes and groups, however many jobs and robots they hold.
 */
export interface MatchingIndex {
  /** Which of two free robots is asked first. */
  readonly before: (a: FreeRobot, b: FreeRobot) => boolean
  readonly classes: Map<string, JobClass>
  readonly groups: Map<string, RobotGroup>
  readonly groupOf: Map<RobotId, RobotGroup>
  /** The row by which each of them came to its group. */
  readonly groupedBy: Map<RobotId, RobotRow>
  /** What the robots that are on record can do, connected or not: once for all that can do the same. */
  readonly abilityGroups: Map<string, AbilityGroup>
  readonly abilityGroupOf: Map<RobotId, AbilityGroup>
  /** The workflows that robots on record name, and how many of `abilityGroups` do. Jobs of these wait in classes of their own. */
  readonly namedWorkflows: Map<string, number>
  /** Classes whose jobs may go to one robot only, by that robot. */
  readonly pinned: Map<RobotId, Set<JobClass>>
  /** What has changed since the last dispatch. */
  readonly dirtyClasses: Set<JobClass>
  readonly dirtyRobots: Set<RobotId>
}

/** Robots on record that can do the same. */
interface AbilityGroup {
  readonly abilities: Abilities
  readonly robots: Set<RobotId>
}

/** Robots with the same environment, tags and capabilities. */
export interface RobotGroup {
  readonly key: string
  readonly environment: string
  readonly tags: ReadonlySet<string>
  readonly capabilities: ReadonlySet<string>
  /** Null: they do not say what they run. */
  readonly repertoire: Repertoire | null
  readonly robots: Set<RobotId>
  /** Those that could take a job now, in the order in which the strategy asks them. */
  readonly free: Heap<RobotId, FreeRobot>
  /** The classes with waiting jobs that these robots may run, those for one robot only left out. */
  readonly classes: Set<JobClass>
}

export interface FreeRobot {
  readonly robot: RobotId
  readonly lastOffer: number
  /** Slots in use by slots, from 0 up to less than 1. */
  readonly load: number
  readonly idleSince: Millis
}

/** Nobody waits and nobody is there. */
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

/** Keeps the queue in step with a job that has changed from `before` to `job`. */
export function indexWaiting(state: State, before: JobRow | undefined, job: JobRow): void {
  if (before !== undefined && isWaiting(before)) unqueue(state, before)
  if (isWaiting(job)) enqueue(state, job)
}

/** Keeps the groups in step with a robot whose row, session or jobs have changed. */
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

/** A row is copied with what it refers to when something else in it changes, as with nearly every heartbeat. */
export function offersTheSame(robot: RobotRow, former: RobotRow | undefined): boolean {
  return former?.environment === robot.environment && former.tags === robot.tags &&
    former.capabilities === robot.capabilities
}

/** Has a waiting job looked at again, because a robot that was closed to it has opened. */
export function markDirty(state: State, job: JobRow): void {
  const jobs = state.matching.classes.get(classKey(jobNeeds(state, job)))
  if (jobs !== undefined) state.matching.dirtyClasses.add(jobs)
}

/** Whether nobody has told the robot to take no more jobs. */
export function takesJobs({ mode }: Pick<RobotRow, 'mode'>): boolean {
  return mode === 'active' || mode === 'resuming'
}

/** Whether a connected robot takes jobs at all, whatever its slots: not while it is paused, rests, or is behind. */
function isAvailable(robot: RobotRow, session: Session): boolean {
  return takesJobs(robot) && !session.paused && !session.coolingDown && !isBehind(session)
}

/** Whether a robot has an offer that it has not answered in time: it is not reading, and is offered nothing more. */
export function isBehind(session: Session): boolean {
  for (const request of session.offers.values()) if (request !== null) return true
  return false
}

/** Whether robots with these abilities may run jobs that need this. DESIGN.md 5.2. */
export function canRun(abilities: Abilities, needs: JobNeeds): boolean {
  return (needs.environment === '' || abilities.environment === 'default' ||
    abilities.environment === needs.environment) &&
    needs.tags.every((tag) => abilities.tags.has(tag)) &&
    needs.capabilities.every((capability) => abilities.capabilities.has(capability)) &&
    runsDefinition(abilities.repertoire, needs)
}

/** The robot whose turn it is to be asked, where all are asked in turn. */
function wasOfferedEarlier(a: FreeRobot, b: FreeRobot): boolean {
  return a.lastOffer < b.lastOffer || (a.lastOffer === b.lastOffer && a.robot < b.robot)
}

/** The less loaded first, then the longer idle. */
function isFreer(a: FreeRobot, b: FreeRobot): boolean {
  if (a.load !== b.load) return a.load < b.load
  return a.idleSince < b.idleSince || (a.idleSince === b.idleSince && a.robot < b.robot)
}

/** Lets happen what changes the classes of these waiting jobs. */
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

/** What decides whether a robot may run a job. */
export type Abilities = Pick<RobotGroup, 'key' | 'environment' | 'tags' | 'capabilities' | 'repertoire'>

/** What a robot that is as the row says can do. A capability that it reports as false or empty is one that it lacks. */
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

/** Of a number that is kept as it was written, what counts is the number. */
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
