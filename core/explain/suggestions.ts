import { wouldBeTaken, wouldTake } from '../dispatcher/dispatcher.ts'
import { blockedBy, concurrencyLimitOf } from '../queue/concurrency.ts'
import type { Millis } from '../base/ids.ts'
import { isBlocked, type JobRow } from '../records/job.ts'
import { firstWaiting, jobNeeds } from '../queue/queue.ts'
import { broadened, formatText, lackOf, lackText, repertoireOf } from '../protocol/repertoire.ts'
import type { State } from '../state.ts'
import type { RobotRow } from '../records/robot.ts'
import type { Suggestion, Verdict } from '../records/explanation.ts'

/** The number of suggestions. The smallest changes come first. */
const SUGGESTIONS_MAX = 10

/**
 * The single changes that would let a job run now. Each is verified with the dispatcher's own functions, on a copy of
 * the robot, job or limit with that change.
 */
export function suggestionsFor(
  state: State,
  job: JobRow,
  verdicts: readonly Verdict[],
  now: Millis,
): readonly Suggestion[] {
  if (state.draining || (job.status === 'pending' && !isBlocked(job))) return []
  if (isBlocked(job)) return concurrencySuggestions(state, job, now)
  const changes = jobSuggestions(state, job)
  for (const verdict of verdicts.toSorted((a, b) => a.codes.length - b.codes.length)) {
    if (changes.length >= SUGGESTIONS_MAX) break
    const change = robotSuggestion(state, job, verdict, now)
    if (change !== null) changes.push(change)
  }
  return changes.slice(0, SUGGESTIONS_MAX)
}

/** The one change to a robot that would suffice; null if there is none. */
function robotSuggestion(state: State, job: JobRow, verdict: Verdict, now: Millis): Suggestion | null {
  const robot = state.robots.get(verdict.robot_id)
  const [code, ...others] = verdict.codes
  if (robot === undefined || code === undefined || others.length > 0) return null
  const changed = changedRobot(state, job, robot, code)
  if (changed === null || !wouldTake(state, changed.robot, job.id, now, comesBy(code))) return null
  return { change: { robot_id: robot.id, ...changed.change }, message: `${robot.name} ${changed.message}` }
}

/** The way in which the robot would become available. */
function comesBy(code: Verdict['codes'][number]): 'anew' | 'report' | 'resume' {
  if (code === 'ROBOT_PAUSED') return 'resume'
  const isReported = code === 'ROBOT_MAINTENANCE' || code === 'ROBOT_SAYS_OFFLINE' || code === 'ROBOT_BUSY_ELSEWHERE'
  return isReported ? 'report' : 'anew'
}

function changedRobot(
  state: State,
  job: JobRow,
  robot: RobotRow,
  code: Verdict['codes'][number],
): { readonly robot: RobotRow; readonly change: object; readonly message: string } | null {
  switch (code) {
    case 'ROBOT_TAG_MISSING':
    case 'ROBOT_NOT_IN_POOL': {
      const tags = [...new Set([...robot.tags, ...job.required_tags])]
      const added = job.required_tags.filter((tag) => !robot.tags.includes(tag))
      return { robot: { ...robot, tags }, change: { tags }, message: `had the tags ${added.join(', ')}` }
    }
    case 'ROBOT_CAPABILITY_MISSING': {
      const added = job.required_capabilities.filter((name) => !robot.capabilities[name])
      const capabilities = { ...robot.capabilities, ...Object.fromEntries(added.map((name) => [name, true])) }
      return { robot: { ...robot, capabilities }, change: { capabilities }, message: `had ${added.join(', ')}` }
    }
    case 'ROBOT_CANNOT_RUN': {
      const needs = state.definitions.get(job.definition)?.needs
      const capabilities = needs === undefined ? null : broadened(robot.capabilities, needs)
      if (needs === undefined || capabilities === null) return null
      const more = lackOf(repertoireOf(robot.capabilities), { workflow: null, definition: needs }, '')
      const message = `ran ${more === null || 'missing_workflow' in more ? formatText(needs.format) : lackText(more)}`
      return { robot: { ...robot, capabilities }, change: { capabilities }, message }
    }
    case 'ROBOT_ENV_MISMATCH': {
      const environment = job.environment
      return { robot: { ...robot, environment }, change: { environment }, message: `were in ${environment}` }
    }
    case 'ROBOT_AT_CAPACITY': {
      const slots = (state.held.get(robot.id)?.size ?? 0) + 1
      const change = { max_concurrent_jobs: slots }
      return { robot: { ...robot, max_concurrent_jobs: slots }, change, message: `had ${slots} slots` }
    }
    case 'ROBOT_PAUSED':
      return { robot, change: { action: 'resume' }, message: 'were resumed' }
    case 'ROBOT_BUSY_ELSEWHERE':
      return { robot, change: { status: 'online' }, message: 'reported that it is free' }
    case 'ROBOT_SAYS_OFFLINE':
    case 'ROBOT_MAINTENANCE':
      return { robot, change: { status: 'online' }, message: 'reported that it is online' }
    case 'ROBOT_OFFLINE':
      return { robot, change: { action: 'connect' }, message: 'were connected' }
    default:
      return null
  }
}

/** Changes to the request of the job. A robot that is free now has nothing else to run, or it would be running it. */
function jobSuggestions(state: State, job: JobRow): Suggestion[] {
  const changes: Suggestion[] = []
  const needs = jobNeeds(state, job)
  if (needs.robot !== null && wouldBeTaken(state, { ...needs, robot: null }, job.id)) {
    changes.push({ change: { job: { robot_id: null } }, message: 'the job were not pinned to one robot' })
  }
  if (needs.environment !== '' && wouldBeTaken(state, { ...needs, environment: '' }, job.id)) {
    changes.push({ change: { job: { environment: '' } }, message: 'the job asked for no environment' })
  }
  return changes
}

/** One more place in the group whose limit is reached, if it is the only one and this job would get the place. */
function concurrencySuggestions(state: State, job: JobRow, now: Millis): Suggestion[] {
  const [key, ...others] = blockedBy(state, job)
  const group = key === undefined ? undefined : state.concurrency.byKey.get(key)
  if (key === undefined || group === undefined || others.length > 0) return []
  const limit = group.running.size + 1
  const next = firstWaiting(group.waiting, now, state.settings.agingMs, ({ id }) => {
    const other = state.jobs.get(id)
    return other !== undefined && blockedBy(state, other).every((closed) => closed === key)
  })
  if (
    next?.id !== job.id || concurrencyLimitOf(state, key, job) === Infinity ||
    !wouldBeTaken(state, jobNeeds(state, job), job.id)
  ) {
    return []
  }
  if (key.startsWith('workflow:')) {
    return [{
      change: { workflow_id: job.workflow_id, max_concurrent: limit },
      message: `the workflow ${job.workflow_id} might run ${limit} jobs at a time`,
    }]
  }
  if (key.startsWith('pool:')) {
    return [{
      change: { pool: job.pool, max_concurrent: limit },
      message: `the pool ${job.pool} might run ${limit} jobs`,
    }]
  }
  return []
}
