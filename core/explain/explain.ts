import { blockersOf, summaryOf } from './blockers.ts'
import { saysOffline } from '../robots/foreign-work.ts'
import type { Millis } from '../base/ids.ts'
import { instantText } from '../base/instant.ts'
import { isLive, isOffered, isWaiting, type JobRow } from '../records/job.ts'
import { deadlineOf } from '../jobs/save.ts'
import { knownAbilities } from '../queue/known-robots.ts'
import { effectivePriority, goesBefore, jobNeeds, waitingOf } from '../queue/queue.ts'
import { lackOf } from '../protocol/repertoire.ts'
import { abilitiesOf, foreignSlots, isBehind, takesJobs } from '../queue/matching.ts'
import type { State } from '../state.ts'
import { suggestionsFor } from './suggestions.ts'
import type { RobotRow } from '../records/robot.ts'
import type { Explanation, ReasonCode, Verdict } from '../records/explanation.ts'

/** The number of robots listed in one explanation. */
const ROBOTS_MAX = 50

/** Explains why a job is not running, and which single changes would let it run now. Changes nothing. */
export function explain(state: State, job: JobRow, now: Millis): Explanation {
  if (!isLive(job.status)) return explainEnded(job)
  const verdicts = [...state.robots.values()].map((robot) => verdictOn(state, robot, job, now))
  const blockers = blockersOf(state, job, verdicts, now)
  const fit = verdicts.filter(({ codes }) => codes.every((code) => PASSING.has(code)))
  return {
    job_id: job.id,
    status: job.status,
    eligible: job.status === 'running' || (job.status === 'queued' && fit.length > 0),
    summary: summaryOf(state, job, blockers, verdicts, now),
    blockers,
    robots: verdicts.toSorted((a, b) => a.codes.length - b.codes.length).slice(0, ROBOTS_MAX),
    robots_omitted: Math.max(0, verdicts.length - ROBOTS_MAX),
    queue: isWaiting(job) ? queuePosition(state, job, now) : null,
    would_run_if: job.status === 'running' || isOffered(job) ? [] : suggestionsFor(state, job, verdicts, now),
    next_check_at: deadlineOf(state, job)?.at ?? null,
  }
}

/** An ended job cannot run; the history tells how it ended. */
function explainEnded(job: JobRow): Explanation {
  const why = job.error_message === '' ? '' : `: ${job.error_message}`
  return {
    job_id: job.id,
    status: job.status,
    eligible: false,
    summary: `It has ended, and is ${job.status}${why}.`,
    blockers: [],
    robots: [],
    robots_omitted: 0,
    queue: null,
    would_run_if: [],
    next_check_at: null,
  }
}

/** Reasons that pass by themselves: a robot with only these will take the job in time. */
const PASSING: ReadonlySet<ReasonCode> = new Set([
  'ROBOT_AT_CAPACITY',
  'ROBOT_BUSY_ELSEWHERE',
  'ROBOT_AWAITING_REPORT',
  'ROBOT_NOT_ANSWERING',
  'ROBOT_REJECTED_RECENTLY',
  'ROBOT_SUSPECT',
])

function verdictOn(state: State, robot: RobotRow, job: JobRow, now: Millis): Verdict {
  const codes: ReasonCode[] = []
  const details: Record<string, unknown> = {}
  const session = state.sessions.get(robot.id)
  const abilities = knownAbilities(state, robot.id) ?? abilitiesOf(robot)
  const needs = jobNeeds(state, job)
  const tags = needs.tags.filter((tag) => !abilities.tags.has(tag))
  const capabilities = needs.capabilities.filter((name) => !abilities.capabilities.has(name))
  const poolTags = job.pool === null ? [] : state.pools.get(job.pool)?.tags ?? []
  const held = state.held.get(robot.id)?.size ?? 0
  if (needs.robot !== null && needs.robot !== robot.id) codes.push('ROBOT_PINNED_OTHER')
  if (needs.environment !== '' && abilities.environment !== 'default' && abilities.environment !== needs.environment) {
    codes.push('ROBOT_ENV_MISMATCH')
    details['environment'] = robot.environment
  }
  if (tags.length > 0) {
    codes.push(tags.some((tag) => poolTags.includes(tag)) ? 'ROBOT_NOT_IN_POOL' : 'ROBOT_TAG_MISSING')
    details['missing_tags'] = tags
  }
  if (capabilities.length > 0) {
    codes.push('ROBOT_CAPABILITY_MISSING')
    details['missing_capabilities'] = capabilities
  }
  const lack = lackOf(abilities.repertoire, needs, job.workflow_id)
  if (lack !== null) {
    codes.push('ROBOT_CANNOT_RUN')
    Object.assign(details, lack)
  }
  if (!takesJobs(robot)) codes.push('ROBOT_PAUSED')
  if (session === undefined) {
    codes.push('ROBOT_OFFLINE')
    const left = robot.last_disconnect
    if (left !== null) details['disconnected'] = { ...left, at: instantText(left.at) }
  } else {
    if (session.paused) codes.push(saysOffline(session) ? 'ROBOT_SAYS_OFFLINE' : 'ROBOT_MAINTENANCE')
    if (now - session.lastFrameAt > 2 * state.settings.heartbeatMs) codes.push('ROBOT_SUSPECT')
    if (session.coolingDown || session.excluded.has(job.id)) codes.push('ROBOT_REJECTED_RECENTLY')
    if (session.reported === null && job.offer > 0) codes.push('ROBOT_AWAITING_REPORT')
    if (isBehind(session)) codes.push('ROBOT_NOT_ANSWERING')
  }
  const elsewhere = session === undefined ? 0 : foreignSlots(session)
  if (held + elsewhere >= robot.max_concurrent_jobs) {
    const full = held >= robot.max_concurrent_jobs
    codes.push(full ? 'ROBOT_AT_CAPACITY' : 'ROBOT_BUSY_ELSEWHERE')
    details['slots'] = { held, ...(full ? {} : { elsewhere }), of: robot.max_concurrent_jobs }
  }
  return { robot_id: robot.id, robot_name: robot.name, codes, details }
}

/** The position of a job among all that wait. Counts them on request, not in every event. */
function queuePosition(state: State, job: JobRow, now: Millis): NonNullable<Explanation['queue']> {
  const { agingMs } = state.settings
  const self = waitingOf(job)
  const ahead = [0, 0, 0, 0]
  for (const other of state.jobs.values()) {
    if (other.id === job.id || !isWaiting(other) || !goesBefore(waitingOf(other), self, now, agingMs)) continue
    ahead[other.priority] = (ahead[other.priority] ?? 0) + 1
  }
  const effective = effectivePriority(self, now, agingMs)
  return {
    position: ahead.reduce((sum, count) => sum + count, 1),
    ahead_by_priority: ahead,
    effective_priority: effective,
    aging_at: effective > 3 ? null : self.queuedAt + (effective - job.priority + 1) * agingMs,
  }
}
