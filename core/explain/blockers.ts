import { awayText, robotBlockers } from './away.ts'
import { blockedBy, concurrencyLimitOf } from '../queue/concurrency.ts'
import type { Millis } from '../base/ids.ts'
import { instantText } from '../base/instant.ts'
import { isBlocked, isOffered, type JobRow } from '../records/job.ts'
import { knownAbilities } from '../queue/known-robots.ts'
import { type Lack, lackText } from '../protocol/repertoire.ts'
import { effectivePriority, goesBefore, jobNeeds, waitingOf } from '../queue/queue.ts'
import { canRun } from '../queue/matching.ts'
import type { State } from '../state.ts'
import { noSuitableRobot } from './unsuited.ts'
import type { Blocker, ReasonCode, Verdict } from '../records/explanation.ts'
import type { JobClass, JobNeeds } from '../indexes.ts'

/** The texts of an explanation: the blockers of a job, the cause first, then its place in the queue. */

/** The blockers of a job. */
export function blockersOf(state: State, job: JobRow, verdicts: readonly Verdict[], now: Millis): readonly Blocker[] {
  const robots = robotBlockers(state, job, verdicts, ({ codes }) => !codes.some((code) => UNSUITABLE.has(code)))
  if (job.status === 'running') return robots
  if (isOffered(job)) {
    return [{ code: 'AWAITING_ACCEPT', message: awaitedMessage(state, job, now) }, ...robots]
  }
  const blockers: Blocker[] = []
  if (job.status === 'pending' && !isBlocked(job)) {
    blockers.push(
      job.offer === 0
        ? { code: 'NOT_DUE', message: 'Its time has not come' }
        : { code: 'RETRY_BACKOFF', message: backoffMessage(job) },
    )
  }
  for (const group of blockedBy(state, job)) blockers.push(concurrencyBlocker(state, group, job))
  if (state.draining) blockers.push({ code: 'DRAINING', message: 'The orchestrator is shutting down' })
  const noRobot = noSuitableRobot(state, job)
  if (noRobot !== null) blockers.push({ code: noRobot.code, message: noRobot.message })
  if (job.status !== 'queued') return blockers
  for (const [code, those] of grouped(verdicts, ({ codes }) => codes)) {
    const of = `${those.length} of ${verdicts.length} robots`
    blockers.push({ code, count: those.length, message: `${of} ${robotsText(code, job, those)}` })
  }
  blockers.push(...robots, ...jobsAhead(state, job, now))
  const ttl = (job.queued_at ?? now) + state.settings.queueTtlMs
  if (ttl - now < state.settings.queueTtlMs / 10) {
    blockers.push({ code: 'QUEUE_TTL_NEAR', message: 'It will soon have waited longer than it may' })
  }
  return blockers
}

/** The cause of a job's back-off: an attempt that failed, or offers that no robot took up. */
function backoffMessage({ refusals, attempt }: JobRow): string {
  if (refusals === 0) return `It waits after attempt ${attempt}`
  return refusals === 1
    ? 'It waits after an offer that was not taken up'
    : `It waits after ${refusals} offers that were not taken up`
}

/** The reason why an offered job still waits for its robot. PROTOCOL.md P39. */
function awaitedMessage(state: State, job: JobRow, now: Millis): string {
  const { robot_name: name, offered_at } = job
  const offered = `Offered to ${name} at ${instantText(offered_at ?? now)}`
  const session = job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
  if (now < (offered_at ?? now) + state.settings.offerMs) {
    return `${offered}, which ${session === undefined ? 'is not connected' : 'has not answered yet'}`
  }
  const since = session === undefined ? `${name} is away` : `${name} has not answered`
  return `${offered}. ${since}, and may have started the job: it waits until the robot answers, returns or is lost, or ` +
    'somebody releases it'
}

function concurrencyBlocker(state: State, group: string, job: JobRow): Blocker {
  const limit = concurrencyLimitOf(state, group, job)
  const running = state.concurrency.byKey.get(group)?.running.size ?? 0
  const count = `${running} of at most ${limit} jobs are queued or running`
  if (group.startsWith('key:')) {
    return { code: 'KEY_CONCURRENCY', message: `With the key ${job.concurrency_key}: ${count}` }
  }
  if (group.startsWith('schedule:')) {
    return { code: 'SCHEDULE_OVERLAP', message: 'An earlier job of its schedule has not ended' }
  }
  if (group.startsWith('pool:')) return { code: 'POOL_CONCURRENCY', message: `In the pool ${job.pool}: ${count}` }
  return { code: 'WORKFLOW_CONCURRENCY', message: `Of the workflow ${job.workflow_id}: ${count}` }
}

/** The state of a job and the reason for it, in a sentence or two. */
export function summaryOf(
  state: State,
  job: JobRow,
  blockers: readonly Blocker[],
  verdicts: readonly Verdict[],
  now: Millis,
): string {
  if (job.status === 'running') {
    const conflict = blockers.find(({ code }) => code === 'ROBOT_ID_CONFLICT')
    const also = conflict === undefined ? '' : ` ${conflict.message}.`
    return `It is running on ${job.robot_name}${absence(state, job, verdicts)}.${also}`
  }
  const [first] = blockers
  if (isOffered(job) && first !== undefined) return `${first.message}.`
  const noRobot = blockers.find(({ code }) => code === 'NO_ROBOTS' || code === 'NO_SUITABLE_ROBOT')
  if (job.status !== 'queued') {
    const also = noRobot === undefined || noRobot === first ? '' : ` ${noRobot.message}.`
    return first === undefined ? 'It is about to run.' : `${first.message}.${also}`
  }
  if (noRobot !== undefined) return `${noRobot.message}.`
  if (state.draining) return 'The orchestrator is shutting down, and offers no more jobs.'
  const line = jobsAhead(state, job, now).map(({ message }) => ` ${message}.`).join('')
  return `${suitableText(state, job, verdicts)}.${line}`
}

/** The robots that could run the job, each counted once by its foremost reason not to. */
function suitableText(state: State, job: JobRow, verdicts: readonly Verdict[]): string {
  const suitable = verdicts.filter(({ codes }) => !codes.some((code) => UNSUITABLE.has(code)))
  const parts = [...grouped(suitable, ({ codes }) => ORDER.filter((code) => codes.includes(code)).slice(0, 1))]
    .map(([code, those]) => [those, robotsText(code, job, those)] as const)
  const [only] = parts
  if (only === undefined) return 'It is about to run'
  if (suitable.length === 1) return `${suitable[0]?.robot_name} can run it, and ${only[1]}`
  if (only[0].length === suitable.length) return `${suitable.length} robots can run it, and all ${only[1]}`
  const each = parts.map(([those, words]) => `${those.length} ${words}`)
  return `${suitable.length} of ${state.robots.size} robots can run it: ${each.join(', ')}`
}

/** Groups verdicts by the selected codes of each. */
function grouped(
  verdicts: readonly Verdict[],
  codesOf: (verdict: Verdict) => readonly ReasonCode[],
): ReadonlyMap<ReasonCode, readonly Verdict[]> {
  const groups = new Map<ReasonCode, Verdict[]>()
  for (const verdict of verdicts) {
    for (const code of codesOf(verdict)) {
      const group = groups.get(code)
      if (group === undefined) groups.set(code, [verdict])
      else group.push(verdict)
    }
  }
  return groups
}

/** Reasons that waiting does not remove. */
const UNSUITABLE: ReadonlySet<ReasonCode> = new Set([
  'ROBOT_PINNED_OTHER',
  'ROBOT_ENV_MISMATCH',
  'ROBOT_TAG_MISSING',
  'ROBOT_NOT_IN_POOL',
  'ROBOT_CAPABILITY_MISSING',
  'ROBOT_CANNOT_RUN',
])

/** Reasons in order of importance. */
const ORDER: readonly ReasonCode[] = [
  'ROBOT_OFFLINE',
  'ROBOT_SAYS_OFFLINE',
  'ROBOT_PAUSED',
  'ROBOT_MAINTENANCE',
  'ROBOT_NOT_ANSWERING',
  'ROBOT_REJECTED_RECENTLY',
  'ROBOT_AWAITING_REPORT',
  'ROBOT_AT_CAPACITY',
  'ROBOT_BUSY_ELSEWHERE',
  'ROBOT_SUSPECT',
]

/** The predicate of a sentence about robots with such a code; their number comes before it. */
function robotsText(code: ReasonCode, job: JobRow, verdicts: readonly Verdict[]): string {
  const one = verdicts.length === 1
  const lacking = (what: string, whats: string, detail: string): string => {
    const names = new Set(verdicts.flatMap(({ details }) => (details[detail] ?? []) as readonly string[]))
    return `${one ? 'lacks' : 'lack'} the ${names.size === 1 ? what : whats} ${[...names].join(', ')}`
  }
  switch (code) {
    case 'ROBOT_PINNED_OTHER':
      return `${one ? 'is' : 'are'} not ${job.pinned_robot_id}, for which it is`
    case 'ROBOT_ENV_MISMATCH':
      return `${one ? 'does' : 'do'} not serve the environment ${job.environment}`
    case 'ROBOT_TAG_MISSING':
      return lacking('tag', 'tags', 'missing_tags')
    case 'ROBOT_NOT_IN_POOL':
      return `${one ? 'is' : 'are'} not in the pool ${job.pool}, and ${lacking('tag', 'tags', 'missing_tags')}`
    case 'ROBOT_CAPABILITY_MISSING':
      return lacking('capability', 'capabilities', 'missing_capabilities')
    case 'ROBOT_CANNOT_RUN': {
      const lacks = new Set(verdicts.map(({ details }) => lackText(details as unknown as Lack)))
      return `${one ? 'does' : 'do'} not run ${[...lacks].slice(0, LACKS_MAX).join(', or ')}`
    }
    default:
      return PASSING_TEXT[code]?.[one ? 0 : 1] ?? `${one ? 'has' : 'have'} ${code}`
  }
}

/** The number of different lacks that are listed. */
const LACKS_MAX = 3

/** The predicates for one robot, and for several. */
const PASSING_TEXT: Partial<Record<ReasonCode, readonly [string, string]>> = {
  ROBOT_OFFLINE: ['is not connected', 'are not connected'],
  ROBOT_SAYS_OFFLINE: ['says that it is offline', 'say that they are offline'],
  ROBOT_BUSY_ELSEWHERE: ['is busy with other work, by its own word', 'are busy with other work, by their own word'],
  ROBOT_PAUSED: ['is paused, or was asked to shut down', 'are paused, or were asked to shut down'],
  ROBOT_MAINTENANCE: ['says that it takes no jobs', 'say that they take no jobs'],
  ROBOT_REJECTED_RECENTLY: ['has just refused a job', 'have just refused a job'],
  ROBOT_NOT_ANSWERING: ['has not answered another offer', 'have not answered other offers'],
  ROBOT_AWAITING_REPORT: ['has yet to say whether it is running it', 'have yet to say whether they are running it'],
  ROBOT_AT_CAPACITY: ['has no free slot', 'have no free slot'],
  ROBOT_SUSPECT: ['has not sent anything for a while', 'have not sent anything for a while'],
}

/** A note that the robot which has the job, or was offered it, may not answer. */
function absence(state: State, job: JobRow, verdicts: readonly Verdict[]): string {
  const verdict = verdicts.find(({ robot_id }) => robot_id === job.robot_id)
  const code = (['ROBOT_OFFLINE', 'ROBOT_SUSPECT'] as const).find((one) => verdict?.codes.includes(one) === true)
  if (code === undefined || verdict === undefined) return ''
  const robot = code === 'ROBOT_OFFLINE' ? state.robots.get(verdict.robot_id) : undefined
  return `, which ${robot === undefined ? robotsText(code, job, [verdict]) : awayText(robot)}`
}

/** The jobs that go first on the robots that could run it. Counts them on request, not in every event. */
function jobsAhead(state: State, job: JobRow, now: Millis): readonly Blocker[] {
  const { agingMs } = state.settings
  const self = waitingOf(job)
  const ahead = competingClasses(state, jobNeeds(state, job)).flatMap(({ byPriority }) =>
    byPriority.flatMap((heap) =>
      heap.values().filter((other) => other.id !== job.id && goesBefore(other, self, now, agingMs))
    )
  )
  const own = effectivePriority(self, now, agingMs)
  const urgent = ahead.filter((other) => effectivePriority(other, now, agingMs) > own).length
  const earlier = ahead.length - urgent
  return [
    ...urgent === 0 ? [] : [{
      code: 'LOWER_PRIORITY' as const,
      count: urgent,
      message: `${urgent === 1 ? '1 job of higher priority goes' : `${urgent} jobs of higher priority go`} first`,
    }],
    ...earlier === 0 ? [] : [{
      code: 'QUEUED_BEHIND' as const,
      count: earlier,
      message: `${earlier === 1 ? '1 job has' : `${earlier} jobs have`} waited longer, and ${
        earlier === 1 ? 'goes' : 'go'
      } first`,
    }],
  ]
}

/** The classes that compete with these needs for a robot on record. */
function competingClasses(state: State, needs: JobNeeds): readonly JobClass[] {
  const { classes, abilityGroups } = state.matching
  const one = needs.robot === null ? undefined : knownAbilities(state, needs.robot)
  const robots = needs.robot === null ? [...abilityGroups.values()].map(({ abilities }) => abilities) : one ? [one] : []
  const able = robots.filter((abilities) => canRun(abilities, needs))
  return [...classes.values()].filter(({ needs: theirs }) => {
    if (theirs.robot === null || theirs.robot === needs.robot) {
      return able.some((abilities) => canRun(abilities, theirs))
    }
    const pinned = needs.robot === null ? knownAbilities(state, theirs.robot) : undefined
    return pinned !== undefined && canRun(pinned, needs) && canRun(pinned, theirs)
  })
}
