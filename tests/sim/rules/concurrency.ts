import type { Event } from '../../../core/events/index.ts'
import type { JobId, Millis } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { ScheduleRow } from '../../../core/records/schedule.ts'
import type { Truth } from '../truth/truth.ts'
import { wasChanged } from './chain-config.ts'
import type { Rule } from './rule.ts'
import { demand, same } from '../violation.ts'

/** Rules about repeated requests, and about concurrency limits: I4, I14, I21, I27. */

/** The limits that a job is under, by name, as the rows have them. */
function limitsOf(job: JobRow, { disk }: Truth): readonly (readonly [string, number])[] {
  const { workflows, pools } = disk.tables
  const limits: (readonly [string, number])[] = []
  const own = workflows.get(job.workflow_id)?.max_concurrent
  const pool = job.pool === null ? null : pools.get(job.pool)?.max_concurrent
  limits.push([`workflow ${job.workflow_id}`, own ?? Infinity])
  if (job.pool !== null) limits.push([`pool ${job.pool}`, pool ?? Infinity])
  if (job.concurrency_key !== null) limits.push([`key ${job.concurrency_key}`, job.concurrency_limit])
  const schedule = job.schedule_id === null ? undefined : disk.tables.schedules.get(job.schedule_id)
  if (schedule !== undefined) limits.push([`schedule ${schedule.id}`, limitOf(schedule)])
  return limits
}

/** The names of its limits, which stay the same for the life of the job. */
function limitNames(job: JobRow, { limitNames: known }: Truth): readonly string[] {
  let names = known.get(job.id)
  if (names === undefined) {
    names = [`workflow ${job.workflow_id}`]
    if (job.pool !== null) names.push(`pool ${job.pool}`)
    if (job.concurrency_key !== null) names.push(`key ${job.concurrency_key}`)
    if (job.schedule_id !== null) names.push(`schedule ${job.schedule_id}`)
    known.set(job.id, names)
  }
  return names
}

function limitOf({ overlap }: ScheduleRow): number {
  return overlap === 'queue_one' || overlap === 'queue_all' ? 1 : Infinity
}

export function noteRequestedLimit(
  { commits, commitsBehind, requestedLimits: limitsAsked }: Truth,
  event: Event,
): void {
  if (event.type !== 'workflow.saved' && event.type !== 'pool.saved') return
  const name = event.type === 'pool.saved' ? `pool ${event.name}` : `workflow ${event.workflow}`
  const former = limitsAsked.get(name)
  const recent = former !== undefined && former.commit >= commits - commitsBehind ? former.limit : 0
  limitsAsked.set(name, { limit: Math.max(recent, event.max_concurrent ?? Infinity), commit: commits })
}

function countsAsRunning(job: JobRow): boolean {
  return job.status === 'queued' || job.status === 'running' || job.stop_until !== null
}

/** I14: a limit admits no more jobs than it allows. Jobs that were admitted before it was lowered may stay. */
const limitsHold: Rule = ({ truth, change }) => {
  const entered = change.jobs.filter(({ before, after }) =>
    // A robot that accepts a job late runs it beyond the limit (P42), and may still be running it after a cancellation.
    countsAsRunning(after) && (before === undefined || !countsAsRunning(before)) &&
    !(after.status !== 'queued' && before?.offered_at)
  )
  const former = truth.limits
  // A schedule is written whenever it is due, and hardly ever with another limit.
  const limits = change.limits.some(({ schedule }) =>
    schedule === undefined || former.get(`schedule ${schedule.id}`) !== limitOf(schedule)
  )
  if (change.jobs.length > 0 || limits) {
    const unfinished = truth.unfinished.values()
    const inside = new Map<string, number>()
    for (const job of truth.unfinished.values()) {
      if (!countsAsRunning(job)) continue
      for (const name of limitNames(job, truth)) inside.set(name, (inside.get(name) ?? 0) + 1)
    }
    for (const { after } of entered) {
      for (const [name, limit] of limitsOf(after, truth)) {
        const asked = truth.requestedLimits.get(name)
        const lately = asked !== undefined && asked.commit >= truth.commits - truth.commitsBehind ? asked.limit : 0
        const most = Math.max(limit, former.get(name) ?? (/^(workflow|pool) /.test(name) ? Infinity : 0), lately)
        const count = inside.get(name) ?? 0
        demand(
          count <= most,
          'I14',
          () => `${count} jobs are inside ${name}, and ${after.id} was let in beyond ${most}`,
        )
      }
    }
    for (const job of unfinished) {
      if (job.status !== 'pending' || job.ready_at !== null) continue
      const full = limitsOf(job, truth).some(([name, limit]) => (inside.get(name) ?? 0) >= limit)
      demand(full, 'I21', () => `job ${job.id} waits for room under a limit, and there is room`)
    }
  }
  for (const { workflow, pool, schedule } of change.limits) {
    if (schedule !== undefined) former.set(`schedule ${schedule.id}`, limitOf(schedule))
    if (workflow !== undefined) former.set(`workflow ${workflow.id}`, workflow.max_concurrent ?? Infinity)
    if (pool !== undefined) former.set(`pool ${pool.name}`, pool.max_concurrent ?? Infinity)
  }
}

/** I4: one job for one idempotency key, and no second one like a job that is under way, where nobody wanted two. */
const nothingTwice: Rule = ({ truth, lives, change }) => {
  if (!lives) return
  for (const { before, after: job } of change.jobs) {
    const submission = truth.requests.get(job.id)?.submission
    if (before !== undefined || submission === undefined || submission === null) continue
    const { made } = truth.time
    const isRecent = (id: JobId, ms: Millis): boolean => (made.get(id) ?? 0) > (made.get(job.id) ?? 0) - ms
    if (submission.idempotency !== null) {
      const { key } = submission.idempotency
      const other = [...truth.byIdempotency.get(key) ?? []].flatMap((id) => truth.jobs.get(id) ?? [])
        .find(({ id }) => id !== job.id && isRecent(id, truth.settings.idempotencyMs))
      demand(other === undefined, 'I4', () => `the key ${key} made ${other?.id} and ${job.id}`)
      truth.byIdempotency.set(key, (truth.byIdempotency.get(key) ?? new Set()).add(job.id))
    }
    if (!submission.check_duplicate) continue
    const other = [...truth.jobs.values()].find(({ id, duplicate_key, completed_at, seq }) =>
      id !== job.id && duplicate_key === job.duplicate_key && seq < job.seq &&
      (completed_at === null || isRecent(id, truth.settings.duplicateMs))
    )
    demand(other === undefined, 'I4', () => `${job.id} does the same as ${other?.id}, and duplicates were not wanted`)
  }
}

const REPEATED = [
  'workflow_id',
  'definition',
  'parameters',
  'priority',
  'pinned_robot_id',
  'environment',
  'required_tags',
  'pool',
  'timeout_ms',
  'retry_safety',
  'max_attempts',
  'concurrency_key',
] as const satisfies readonly (keyof JobRow)[]

/** I1: a job that repeats another asks for the same. A dead letter is dealt with once. */
const repeatsAreFaithful: Rule = ({ truth, change }) => {
  for (const { before, after: job } of change.jobs) {
    if (before !== undefined || job.retry_of === null) continue
    const first = truth.jobs.get(job.retry_of)
    const asked = truth.requests.get(job.id)?.retryOf
    demand(asked?.job === job.retry_of && first !== undefined, 'I3', () => `nobody asked for ${job.id} to repeat a job`)
    demand(first.completed_at !== null, 'I7', () => `${job.id} repeats ${first.id}, which is ${first.status}`)
    for (const field of REPEATED) {
      demand(same(first[field], job[field]), 'I1', () => `${field} of ${job.id} is not that of ${first.id}`)
    }
    demand(!first.dead_lettered, 'I4', () => `${first.id} was run again and is a dead letter still`)
    if (asked.mode !== 'requeue') continue
    const times = [...truth.jobs.values()].filter(({ id, retry_of }) =>
      retry_of === first.id && truth.requests.get(id)?.retryOf?.mode === 'requeue'
    ).length
    demand(times <= 1, 'I4', () =>
      `the dead letter ${first.id} was requeued ${times} times`)
  }
}

/** I27: between two jobs of one webhook there is its cooldown, over restarts and clocks that are set. */
const cooldownHolds: Rule = ({ truth, change }) => {
  for (const { before, after: job } of change.jobs) {
    if (before !== undefined || job.trigger_id === null || job.retry_of !== null) continue
    const trigger = truth.chains.triggers.get(job.trigger_id)
    const former = truth.fired.get(job.trigger_id)
    const made = truth.time.of(job.created_at)
    truth.fired.set(job.trigger_id, made)
    const waited = former === undefined ? Infinity : made - former
    const { cooldown_ms = 0 } = trigger ?? {}
    // It may have got a longer one in this very turn, and fired before.
    const earned = waited >= cooldown_ms || wasChanged(change, job.trigger_id, trigger)
    demand(earned, 'I27', () => `${job.trigger_id} fired again after ${waited} ms`)
  }
}

/** I34: the last command to a robot is on record, over restarts, until the next one. */
const controlsAreKept: Rule = ({ truth, change }) => {
  for (const { after } of change.robots) {
    if (truth.lastControls.get(after.id) !== 'pause') continue
    demand(after.mode === 'paused', 'I34', () => `${after.id} was told to pause and counts as ${after.mode}`)
  }
  for (const { event, robot_id, job_id } of change.history) {
    const robot = robot_id === null ? undefined : truth.robots.get(robot_id)
    if (event !== 'offer' || robot === undefined || robot.mode === 'active' || robot.mode === 'resuming') continue
    const before = change.robots.find(({ after }) => after.id === robot.id)?.before
    const was = before?.mode ?? robot.mode
    // The command may have come later in the same turn.
    const closed = was !== 'active' && change.robots.filter(({ after }) => after.id === robot.id).length <= 1
    demand(!closed, 'I34', () => `${robot.id} was told to stop taking jobs and was offered ${job_id}`)
  }
}

export const CONCURRENCY_RULES: readonly Rule[] = [
  nothingTwice,
  repeatsAreFaithful,
  limitsHold,
  cooldownHolds,
  controlsAreKept,
]
