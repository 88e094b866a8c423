import { CLOCK_CHECK_MS } from '../../../adapters/fleet/fleet-clock.ts'
import type { JobId, Millis, RobotId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import { withoutLongParameters } from '../../../core/records/parameters.ts'
import { nextAlarm } from '../../../core/on-timer.ts'
import { load } from '../../../core/load.ts'
import type { State } from '../../../core/state.ts'
import type { Rule } from './rule.ts'
import { clock } from '../world/world.ts'
import type { Change } from '../truth/change.ts'
import { holdsSlot, type Truth } from '../truth/truth.ts'
import { LATE_MS, UNSEEN_MS } from './clock.ts'
import { storedRowsOf } from '../truth/stored-rows.ts'
import type { RobotRow } from '../../../core/records/robot.ts'
import type { Session } from '../../../core/session.ts'
import { foreignSlots } from '../../../core/queue/matching.ts'
import { demand, same, Violation } from '../violation.ts'

/** The modes in which a robot is offered jobs. */
const WORKING: ReadonlySet<string> = new Set(['active', 'resuming'])

/** Rules about memory after every commit: I5, I18, I21, I35 and I39, and L1 and L3 of deadlines. */

/** I5: what a restart would load now is what is in memory. */
const memoryIsACache: Rule = ({ truth, state, change, all }) => {
  if (state === null) return
  for (const { after } of change.jobs) sameRow(state, after)
  for (const { after } of change.robots) {
    demand(same(after, state.robots.get(after.id)), 'I5', () => `${after.id} is not in memory as it is on the disk`)
  }
  for (const [id, after] of change.schedules) {
    demand(same(after, state.schedules.get(id)), 'I5', () => `${id} is not in memory as it is on the disk`)
  }
  demand(truth.disk.seq === state.seq || change.history.length === 0, 'I5', () => `the last number is not on the disk`)
  if (!all) return
  // The same horizon as the state has, so that the same pending jobs count as near.
  const twin = load(storedRowsOf(truth, state), state.horizonAt - truth.settings.horizonMs, 1, truth.settings)
  for (const kind of ['jobs', 'robots', 'workflows', 'triggers', 'schedules', 'keys', 'webhooks'] as const) {
    sameRows(kind, twin[kind], state[kind])
  }
  sameRows('families', twin.families, state.families)
  const [waits, wait] = [subscribersOf(twin), subscribersOf(state)]
  demand(waits === wait, 'I5', () => `after a restart the triggers would wait for ${waits}, and they wait for ${wait}`)
  for (const hash of twin.definitions.keys()) {
    demand(state.definitions.has(hash), 'I5', () => `definition ${hash} is on the disk, in use, and not in memory`)
  }
  demand(twin.seq === state.seq, 'I5', () => `the last number is ${twin.seq} on the disk and ${state.seq} in memory`)
  const [onDisk, inMemory] = [waitingOf(twin), waitingOf(state)]
  demand(onDisk === inMemory, 'I5', () => `the queue would be ${onDisk} after a restart and is ${inMemory}`)
}

/** A row that was just written is in memory, if it belongs there. */
function sameRow(state: State, job: JobRow): void {
  const live = state.jobs.get(job.id)
  const belongs = (job.completed_at === null || job.stop_until !== null) &&
    (job.ready_at === null || job.ready_at <= state.horizonAt)
  if (belongs ? live === job || same(live, withoutLongParameters(job)) : live === undefined) return
  throw new Violation('I5', `job ${job.id}: ${JSON.stringify(job)} on the disk, ${JSON.stringify(live)} in memory`)
}

function sameRows(kind: string, disk: ReadonlyMap<string, object>, memory: ReadonlyMap<string, object>): void {
  demand(disk.size === memory.size, 'I5', () => `${kind}: ${disk.size} on the disk, ${memory.size} in memory`)
  for (const [id, row] of disk) {
    const live = memory.get(id)
    if (live === row || same(live, row)) continue
    throw new Violation('I5', `${kind} ${id}: ${JSON.stringify(row)} on the disk, ${JSON.stringify(live)} in memory`)
  }
}

function subscribersOf({ subscribers }: State): string {
  return [...subscribers].map(([topic, ids]) => `${topic}: ${[...ids.values()].toSorted().join(' ')}`).toSorted().join(
    '; ',
  )
}

function waitingOf(state: State): string {
  return [...state.matching.classes.values()].map((jobs) =>
    `${jobs.key}: ${jobs.byPriority.flatMap((heap) => heap.values().map(({ id }) => id)).toSorted().join(' ')}`
  ).toSorted().join('; ')
}

/** I19, I31: a robot that should stop a job gets the message with those of its turn. */
const cancelsAreSent: Rule = ({ truth, state, change, lives, isSaid }) => {
  if (isSaid && (state !== null || !lives)) {
    for (const key of truth.cancelsDue) {
      const [socket, job] = key.split(' ')
      const there = [...state?.sessions.values() ?? []].some((session) => session.socket === socket)
      const stopping = truth.jobs.get(job as JobId)?.stop_until !== null
      const robot = truth.jobs.get(job as JobId)?.robot_id
      demand(!there || !stopping, 'I19', () => `${robot} has not been told to stop job ${job}`)
    }
    truth.cancelsDue.clear()
  }
  for (const { before, after } of change.jobs) {
    if (after.stop_until === null || before?.stop_until !== null || after.robot_id === null) continue
    const session = state?.sessions.get(after.robot_id)
    if (session !== undefined) truth.cancelsDue.add(`${session.socket} ${after.id}`)
  }
}

/** I39: slots, and who has a free one, are what a recount of the rows says. */
const slotsAreARecount: Rule = ({ truth, state, change, whole }) => {
  if (state === null) return
  const touched = whole ? [...truth.robots.keys(), ...state.held.keys()] : robotsIn(change)
  for (const id of touched) {
    const [held, counted] = [state.held.get(id) ?? NONE, whole ? recount(truth, id) : truth.held.get(id) ?? NONE]
    const equal = held.size === counted.size && [...held.keys()].every((job) => counted.has(job))
    const text = (jobs: ReadonlyMap<JobId, unknown> | ReadonlySet<JobId>): string => [...jobs.keys()].join(' ')
    demand(equal, 'I39', () => `${id} holds ${text(held)}, and a recount says ${text(counted)}`)
    const session = state.sessions.get(id)
    if (session === undefined) continue
    const { max_concurrent_jobs = 0, mode = '' } = truth.robots.get(id) ?? {}
    const used = counted.size + foreignSlots(session)
    const takes = WORKING.has(mode) && !session.paused && !session.coolingDown && !isBehind(session)
    const free = takes && used < max_concurrent_jobs
    const listed = state.matching.groupOf.get(id)?.free.has(id) === true
    demand(free === listed, 'I39', () => `${id} ${free ? 'has' : 'has no'} free slot and is listed otherwise`)
  }
}

const NONE: ReadonlySet<JobId> = new Set()

/** The jobs that hold a slot of the robot, from all rows. */
function recount(truth: Truth, robot: RobotId): ReadonlySet<JobId> {
  const jobs = new Set<JobId>()
  for (const job of truth.unfinished.values()) if (job.robot_id === robot && holdsSlot(job)) jobs.add(job.id)
  return jobs
}

/** The robots that a commit is about. */
function robotsIn({ jobs, robots }: Change): ReadonlySet<RobotId> {
  const ids = new Set<RobotId>()
  for (const { before, after } of jobs) {
    if (before !== undefined && before.robot_id !== null) ids.add(before.robot_id)
    if (after.robot_id !== null) ids.add(after.robot_id)
  }
  for (const { after } of robots) ids.add(after.id)
  return ids
}

/**
 * I21: no job waits while a robot that may run it has a free slot and is not resting. A job that was offered before
 * waits for a robot that has yet to say what it is running.
 */
const freeRobotsGetJobs: Rule = ({ truth, state, change, whole }) => {
  if (state === null || state.draining) return
  const free: { readonly robot: RobotRow; readonly session: Session }[] = []
  for (const [id, session] of state.sessions) {
    const robot = truth.robots.get(id)
    const open = robot !== undefined && WORKING.has(robot.mode) && !session.paused && !session.coolingDown &&
      !isBehind(session) && (state.held.get(id)?.size ?? 0) + foreignSlots(session) < robot.max_concurrent_jobs
    if (open) free.push({ robot, session })
  }
  if (free.length === 0) return
  // Unchanged jobs and robots did not match before either.
  const robots = whole ? null : robotsIn(change)
  const jobs = whole ? null : new Set(change.jobs.map(({ after }) => after.id))
  for (const job of state.jobs.values()) {
    if (job.status !== 'queued' || job.offer_until !== null) continue
    const idle = free.find(({ robot, session }) =>
      (robots === null || robots.has(robot.id) || jobs?.has(job.id) === true) && !session.excluded.has(job.id) &&
      (job.offer === 0 || session.reported !== null) && mayRun(robot, job)
    )
    demand(idle === undefined, 'I21', () => `job ${job.id} waits, and ${idle?.robot.id} has a free slot and may run it`)
  }
}

/** P39: it has an offer that it has not answered in time. */
function isBehind(session: Session): boolean {
  return [...session.offers.values()].some((asked) => asked !== null)
}

/** DESIGN 5.2: what a job asks of a robot. */
export function mayRun(robot: RobotRow, job: JobRow): boolean {
  return (job.pinned_robot_id === null || job.pinned_robot_id === robot.id) &&
    (job.environment === '' || robot.environment === 'default' || robot.environment === job.environment) &&
    job.required_tags.every((tag) => robot.tags.includes(tag)) &&
    job.required_capabilities.every((name) => Boolean(robot.capabilities[name]))
}

/** I18, I35: a session belongs to the robot that it names. */
const sessionsAreTheirOwn: Rule = ({ truth, state }) => {
  for (const session of state?.sessions.values() ?? []) {
    const owner = truth.owners.get(session.socket)
    demand(owner === session.robot, 'I35', () => `${owner} is taken for ${session.robot}`)
  }
}

/** L1: every live job has a deadline that the alarm is set for, and none is long past. */
const deadlinesAreKept: Rule = ({ truth, state, change, whole }) => {
  if (state === null) return
  const alarm = nextAlarm(state)?.at ?? Infinity
  const { time } = truth
  const { queueTtlMs, leaseMs, graceMs } = truth.settings
  const steady = change.elapsed - time.steadySince
  const behind = Math.min(change.at - state.horizonAt, change.elapsed - time.clockSteadySince)
  demand(behind <= UNSEEN_MS, 'L1', () => `jobs whose time came ${behind} ms ago may be on the disk only`)
  const touched = whole ? state.jobs.values() : change.jobs.flatMap(({ after }) => state.jobs.get(after.id) ?? [])
  for (const job of touched) {
    const at = deadlineOf(job, queueTtlMs, state)
    let late = Math.min(change.at - at, steady)
    // A job that has gone back to the queue may have used up its time there long ago. It has until the next alarm.
    const last = truth.histories.get(job.id)?.at(-1)
    if (late > LATE_MS && last !== undefined) late = Math.min(late, change.elapsed - time.ofEntry(last))
    // Its time is one of the wall, which may have been set.
    if (late > LATE_MS && at === job.scheduled_time) {
      late = Math.min(late, change.elapsed - time.clockSteadySince - CLOCK_CHECK_MS)
    }
    if (alarm > at || late > LATE_MS) {
      const why = alarm > at ? `the alarm is set for ${alarm - at} ms later` : `that was ${late} ms ago`
      throw new Violation('L1', `${job.id} is ${job.status} until ${clock(at)}, and ${why}`)
    }
    if (job.status !== 'running' || job.robot_id === null) continue
    const lastFrameAt = Math.max(truth.received.get(job.robot_id)?.at ?? 0, time.steadySince)
    const silent = change.elapsed - lastFrameAt
    if (silent <= leaseMs + graceMs + LATE_MS) continue
    throw new Violation('L1', `${job.robot_id} runs job ${job.id} and was not heard for ${silent} ms`)
  }
}

/** L9: once a robot has answered the request that was sent after an offer, that offer is settled. */
const answeredOffersAreSettled: Rule = ({ state, change, whole }) => {
  if (state === null) return
  const touched = new Set(change.jobs.map(({ after }) => after.id))
  for (const { robot, offers, statusResponses } of state.sessions.values()) {
    for (const [id, asked] of offers) {
      const job = state.jobs.get(id)
      if (asked === null || statusResponses < asked || job === undefined || !(whole || touched.has(id))) continue
      const open = job.status === 'queued' && job.offer_until !== null && job.robot_id === robot
      demand(
        !open,
        'L9',
        () => `${robot} has said what it runs since job ${id} was offered to it, which waits for it still`,
      )
    }
  }
}

/** I41: a job does not run too long while its robot is away, and may have the result already. */
const absenceIsNoTimeout: Rule = ({ state, change }) => {
  if (state === null) return
  for (const { event, from_status, job_id, robot_id } of change.history) {
    if (event !== 'expire' || from_status !== 'running' || robot_id === null) continue
    const left = change.history.some((other) => other.job_id === job_id && other.event === 'disconnected')
    const there = state.sessions.has(robot_id) || left
    demand(there, 'I41', () => `job ${job_id} ran too long, they say, while ${robot_id} was away`)
  }
}

/** L3: a connection without frames is not kept for longer than the lease. */
const silenceIsNoticed: Rule = ({ truth, state, change }) => {
  for (const { robot } of state?.sessions.values() ?? []) {
    const silent = change.elapsed - Math.max(truth.received.get(robot)?.at ?? 0, truth.time.steadySince)
    const limit = truth.settings.leaseMs + LATE_MS
    demand(silent <= limit, 'L3', () => `${robot} was not heard for ${silent} ms and counts as connected`)
  }
}

/**
 * The next instant at which something happens to the job without a message. P45: while its robot is offline, the
 * robot's own deadline.
 */
function deadlineOf(job: JobRow, queueTtlMs: Millis, state: State): Millis {
  if (job.status === 'running') {
    const at = (job.started_at ?? 0) + job.timeout_ms
    const session = job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
    if (session?.reported != null) return at
    return session === undefined ? Infinity : Math.max(at, session.since + 2 * state.settings.heartbeatMs)
  }
  if (job.stop_until !== null) return job.stop_until
  if (job.ready_at !== null) return job.ready_at
  return job.offer_until ?? (job.queued_at ?? job.scheduled_time ?? job.created_at) + queueTtlMs
}

export const MEMORY_RULES: readonly Rule[] = [
  memoryIsACache,
  cancelsAreSent,
  slotsAreARecount,
  sessionsAreTheirOwn,
  freeRobotsGetJobs,
  deadlinesAreKept,
  answeredOffersAreSettled,
  absenceIsNoTimeout,
  silenceIsNoticed,
]
