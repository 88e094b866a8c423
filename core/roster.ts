import { slotsElsewhere } from './elsewhere.ts'
import { Heap } from './heap.ts'
import type { Millis, RobotId } from './ids.ts'
import { isWaiting, type JobRow } from './job.ts'
import type { Strategy } from './limits.ts'
import { tokenOf } from './protocol/json.ts'
import { classKey, type JobClass, type Needs, needsOf, newClass, put, remove, size } from './queue.ts'
import { type Repertoire, REPERTOIRE_NAMES, repertoireOf, runs, unreadable } from './protocol/repertoire.ts'
import type { RobotRow, Session, State } from './state.ts'

/**
 * Who could run what: the waiting jobs by what they need, the robots by what they offer, and which suit which.
 *
 * Robots that offer the same form one kind. Jobs are matched with kinds, not with robots, and a match is worked out
 * once: an event costs as much as there are classes and kinds, however many jobs and robots they hold.
 */
export interface Roster {
  /** Which of two free robots is asked first. */
  readonly before: (a: Free, b: Free) => boolean
  readonly classes: Map<string, JobClass>
  readonly kinds: Map<string, Kind>
  readonly kindOf: Map<RobotId, Kind>
  /** The row by which each of them came to its kind. */
  readonly placedBy: Map<RobotId, RobotRow>
  /** What the robots that are on record can do, connected or not: once for all that can do the same. */
  readonly known: Map<string, Known>
  readonly knownBy: Map<RobotId, Known>
  /** The workflows that robots on record name, and how many of `known` do. Jobs of these wait in classes of their own. */
  readonly named: Map<string, number>
  /** Classes whose jobs may go to one robot only, by that robot. */
  readonly pinned: Map<RobotId, Set<JobClass>>
  /** What has changed since the last dispatch. */
  readonly touchedClasses: Set<JobClass>
  readonly touchedRobots: Set<RobotId>
}

/** Robots on record that can do the same. */
interface Known {
  readonly abilities: Abilities
  readonly robots: Set<RobotId>
}

/** Robots with the same environment, tags and capabilities. */
export interface Kind {
  readonly key: string
  readonly environment: string
  readonly tags: ReadonlySet<string>
  readonly capabilities: ReadonlySet<string>
  /** Null: they do not say what they run. */
  readonly repertoire: Repertoire | null
  readonly robots: Set<RobotId>
  /** Those that could take a job now, in the order in which the strategy asks them. */
  readonly free: Heap<RobotId, Free>
  /** The classes with waiting jobs that these robots may run, those for one robot only left out. */
  readonly classes: Set<JobClass>
}

export interface Free {
  readonly robot: RobotId
  readonly lastOffer: number
  /** Slots in use by slots, from 0 up to less than 1. */
  readonly load: number
  readonly idleSince: Millis
}

/** Nobody waits and nobody is there. */
export function newRoster(strategy: Strategy): Roster {
  return {
    before: strategy === 'round_robin' ? wasAskedEarlier : isFreer,
    classes: new Map(),
    kinds: new Map(),
    kindOf: new Map(),
    placedBy: new Map(),
    known: new Map(),
    knownBy: new Map(),
    named: new Map(),
    pinned: new Map(),
    touchedClasses: new Set(),
    touchedRobots: new Set(),
  }
}

/** Keeps the queue in step with a job that has changed from `before` to `job`. */
export function placeJob(state: State, before: JobRow | undefined, job: JobRow): void {
  if (before !== undefined && isWaiting(before)) unqueue(state, before)
  if (isWaiting(job)) enqueue(state, job)
}

/** Keeps the kinds in step with a robot whose row, session or jobs have changed. */
export function placeRobot(state: State, id: RobotId): void {
  const { roster } = state
  const robot = state.robots.get(id)
  const session = state.sessions.get(id)
  const former = roster.kindOf.get(id)
  const kind = robot === undefined || session === undefined
    ? undefined
    : former !== undefined && offersTheSame(robot, roster.placedBy.get(id))
    ? former
    : kindFor(roster, robot)
  if (former !== undefined && former !== kind) leaveKind(roster, former, id)
  if (robot === undefined || session === undefined || kind === undefined) return
  if (former !== kind) {
    kind.robots.add(id)
    roster.kindOf.set(id, kind)
  }
  roster.placedBy.set(id, robot)
  const held = state.held.get(id)?.size ?? 0
  const used = held + slotsElsewhere(session)
  if (isAvailable(robot, session) && used < robot.max_concurrent_jobs) {
    const load = used / robot.max_concurrent_jobs
    kind.free.set(id, { robot: id, load, idleSince: session.idleSince, lastOffer: session.lastOffer })
    roster.touchedRobots.add(id)
  } else {
    kind.free.delete(id)
  }
}

/** A row is copied with what it refers to when something else in it changes, as with nearly every heartbeat. */
export function offersTheSame(robot: RobotRow, placed: RobotRow | undefined): boolean {
  return placed?.environment === robot.environment && placed.tags === robot.tags &&
    placed.capabilities === robot.capabilities
}

/** Has a waiting job looked at again, because a robot that was closed to it has opened. */
export function touch(state: State, job: JobRow): void {
  const jobs = state.roster.classes.get(classKey(needsOf(state, job)))
  if (jobs !== undefined) state.roster.touchedClasses.add(jobs)
}

/** Whether nobody has told the robot to take no more jobs. */
export function takesJobs({ mode }: Pick<RobotRow, 'mode'>): boolean {
  return mode === 'active' || mode === 'resuming'
}

/** Whether a connected robot takes jobs at all, whatever its slots: not while it is paused, rests, or is behind. */
function isAvailable(robot: RobotRow, session: Session): boolean {
  return takesJobs(robot) && !session.paused && !session.resting && !isBehind(session)
}

/** Whether a robot has an offer that it has not answered in time: it is not reading, and is offered nothing more. */
export function isBehind(session: Session): boolean {
  for (const asked of session.offers.values()) if (asked !== null) return true
  return false
}

/** Whether robots of this kind may run jobs that need this. DESIGN.md 5.2. */
export function suits(kind: Abilities, needs: Needs): boolean {
  return (needs.environment === '' || kind.environment === 'default' || kind.environment === needs.environment) &&
    needs.tags.every((tag) => kind.tags.has(tag)) &&
    needs.capabilities.every((capability) => kind.capabilities.has(capability)) &&
    runs(kind.repertoire, needs)
}

/** The robot whose turn it is to be asked, where all are asked in turn. */
function wasAskedEarlier(a: Free, b: Free): boolean {
  return a.lastOffer < b.lastOffer || (a.lastOffer === b.lastOffer && a.robot < b.robot)
}

/** The less loaded first, then the longer idle. */
function isFreer(a: Free, b: Free): boolean {
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
  const { roster } = state
  const needs = needsOf(state, job)
  const key = classKey(needs)
  let jobs = roster.classes.get(key)
  if (jobs === undefined) {
    jobs = newClass(key, needs)
    roster.classes.set(key, jobs)
    link(roster, jobs)
  }
  put(jobs, job)
  roster.touchedClasses.add(jobs)
}

function unqueue(state: State, job: JobRow): void {
  const { roster } = state
  const jobs = roster.classes.get(classKey(needsOf(state, job)))
  if (jobs === undefined) return
  remove(jobs, job)
  if (size(jobs) > 0) return
  roster.classes.delete(jobs.key)
  roster.touchedClasses.delete(jobs)
  if (jobs.needs.robot === null) { for (const kind of roster.kinds.values()) kind.classes.delete(jobs) }
  else {
    const classes = roster.pinned.get(jobs.needs.robot)
    classes?.delete(jobs)
    if (classes?.size === 0) roster.pinned.delete(jobs.needs.robot)
  }
}

function link(roster: Roster, jobs: JobClass): void {
  const { robot } = jobs.needs
  if (robot === null) {
    for (const kind of roster.kinds.values()) if (suits(kind, jobs.needs)) kind.classes.add(jobs)
    return
  }
  const classes = roster.pinned.get(robot)
  if (classes === undefined) roster.pinned.set(robot, new Set([jobs]))
  else classes.add(jobs)
}

/** What decides whether a robot may run a job. */
export type Abilities = Pick<Kind, 'key' | 'environment' | 'tags' | 'capabilities' | 'repertoire'>

/** What a robot that is as the row says can do. A capability that it reports as false or empty is one that it lacks. */
export function kindOfRow({ environment, tags, capabilities }: RobotRow): Abilities {
  const repertoire = repertoireOf(capabilities)
  const said = repertoire === null ? [] : REPERTOIRE_NAMES.filter((name) => !unreadable(capabilities).includes(name))
  const names = Object.keys(capabilities).filter((name) => isHeld(capabilities[name]) && !said.includes(name as never))
    .toSorted()
  return {
    key: JSON.stringify([environment, tags.toSorted(), names, ...said.map((name) => [name, capabilities[name]])]),
    environment,
    tags: new Set(tags),
    capabilities: new Set(names),
    repertoire,
  }
}

/** Of a number that is kept as it was written, what counts is the number. */
function isHeld(value: unknown): boolean {
  const token = tokenOf(value)
  return Boolean(token === null ? value : Number(token))
}

function kindFor(roster: Roster, robot: RobotRow): Kind {
  const abilities = kindOfRow(robot)
  const known = roster.kinds.get(abilities.key)
  if (known !== undefined) return known
  const kind: Kind = { ...abilities, robots: new Set(), free: new Heap(roster.before), classes: new Set() }
  roster.kinds.set(kind.key, kind)
  for (const jobs of roster.classes.values()) {
    if (jobs.needs.robot === null && suits(kind, jobs.needs)) kind.classes.add(jobs)
  }
  return kind
}

function leaveKind(roster: Roster, kind: Kind, id: RobotId): void {
  kind.free.delete(id)
  kind.robots.delete(id)
  roster.kindOf.delete(id)
  roster.placedBy.delete(id)
  roster.touchedRobots.delete(id)
  if (kind.robots.size === 0) roster.kinds.delete(kind.key)
}
