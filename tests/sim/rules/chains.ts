import type { JobId, TriggerId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { TriggerEventRow, TriggerRow } from '../../../core/records/trigger.ts'
import { demand, same } from '../violation.ts'
import type { Truth } from '../truth/truth.ts'
import { callIsTrue } from './calls.ts'
import { chainConfigOf, madeIn, wasChanged } from './chain-config.ts'
import type { Rule, RuleInput } from './rule.ts'

/**
 * Rules about triggers and about jobs that lead to others: I47 and I48. We know from a trigger's config, and from the jobs that
 * have ended and the schedules that have run, when it must fire; and from what has led to what, how jobs are related.
 */

/** docs/TRIGGERS.md: so many may be above a job. */
const DEPTH_MAX = 10

const ENDS: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'timeout'])
const CHAINED: ReadonlySet<string> = new Set(['workflow_call', 'scheduled'])

/** The program's own words for the cause of an event. */
interface EventSource {
  readonly source: 'job' | 'schedule' | 'call'
  readonly job_id?: JobId
  readonly parent_job_id?: JobId | null
}

/**
 * I47: every end of a job, and every run of a schedule, reaches each trigger that waits for it exactly once, in its own
 * transaction; and nothing else does.
 */
const causesAreFollowed: Rule = (input) => {
  const { truth, change } = input
  const causes = causesIn(input)
  const seen = new Set<string>()
  for (const event of change.chains.events) {
    const { trigger_id } = event
    const trigger = truth.chains.triggers.get(trigger_id) ?? change.chains.former.get(trigger_id)
    if (!CHAINED.has(event.trigger_type)) continue
    const changed = wasChanged(change, trigger_id, trigger)
    const source = JSON.parse(event.metadata) as EventSource
    if (source.source === 'call') {
      const caller = callIsTrue(input, trigger, changed, event)
      if (!changed && trigger !== undefined) outcomeIsRight(truth, trigger, event, caller)
      if (event.outcome === 'fired') jobIsRight(input, event, caller)
      continue
    }
    const id = (source.source === 'job' ? source.parent_job_id : source.job_id) as JobId
    const key = `${trigger_id} ${id}`
    demand(!truth.chains.done.has(key), 'I47', () => `${trigger_id} ${event.outcome} for ${id} once more`)
    truth.chains.done.add(key)
    seen.add(key)
    const waits = changed || causes.has(key)
    demand(waits, 'I47', () => `${trigger_id} ${event.outcome} for ${id}, and does not wait for that`)
    const ended = source.source === 'job' ? truth.jobs.get(id) ?? null : null
    if (!changed && trigger !== undefined) outcomeIsRight(truth, trigger, event, ended)
    if (event.outcome === 'fired') jobIsRight(input, event, ended)
  }
  for (const [key, job] of causes) {
    const id = key.split(' ')[0] as TriggerId
    const trigger = truth.chains.triggers.get(id)
    const missed = !seen.has(key) && !wasChanged(change, id, trigger) && !isFlooded(input, id)
    demand(!missed, 'I47', () => `${id} waits for ${job.id}, which is ${job.status}, and nothing came of it`)
  }
}

/** The causes in this commit, by trigger that waits for them and job. A trigger that is disabled waits for nothing. */
function causesIn({ truth, change }: RuleInput): ReadonlyMap<string, JobRow> {
  const causes = new Map<string, JobRow>()
  const reach = (job: JobRow | undefined, waits: (trigger: TriggerRow) => boolean): void => {
    if (job === undefined) return
    for (const [id, row] of truth.chains.triggers) if (row.enabled && waits(row)) causes.set(`${id} ${job.id}`, job)
  }
  for (const { job_id, from_status, to_status } of change.history) {
    const job = from_status === to_status || !ENDS.has(to_status) ? undefined : truth.jobs.get(job_id)
    if (job?.workflow_version === null) continue
    reach(job, (trigger) => {
      const after = trigger.trigger_type === 'workflow_call' ? chainConfigOf(trigger).after : null
      return after != null && job !== undefined && after.workflows.includes(job.workflow_id) &&
        after.statuses.includes(to_status)
    })
  }
  for (const { job_id, schedule_id } of change.scheduleRuns) {
    const job = job_id === null ? undefined : truth.jobs.get(job_id)
    reach(job, (trigger) => trigger.trigger_type === 'scheduled' && chainConfigOf(trigger).schedule_id === schedule_id)
  }
  return causes
}

/** docs/TRIGGERS.md: in a minute so many events that made no job are written down. A clock is followed little by little. */
const SKIPS_MAX = 55
const SKIPS_MS = 60_000

function isFlooded({ truth, change }: RuleInput, id: TriggerId): boolean {
  const skips = (truth.chains.skips.get(id) ?? []).filter((at) => at > change.elapsed - SKIPS_MS).length
  const more = change.chains.events.filter((event) => event.trigger_id === id && event.outcome === 'skipped').length
  return skips + more >= SKIPS_MAX
}

/** I47, I48: an event fires or is skipped for the right reason. `parent` is the job that has led to it, if any. */
function outcomeIsRight(
  truth: Truth,
  trigger: TriggerRow,
  event: TriggerEventRow,
  parent: JobRow | null,
): void {
  const { chains, settings } = truth
  const passes = trigger.filter === null || parent === null || parent.status === 'completed'
  const tooDeep = parent !== null && chains.depthOf(parent.id) + 1 > DEPTH_MAX
  const tooWide = parent !== null && chains.descendantsOf(parent.id) >= settings.descendantsMax
  const what = (): string => `${trigger.id}, ${event.outcome} ${event.reason} after ${parent?.id}`
  if (event.outcome === 'fired') {
    demand(passes, 'I47', () => `${what()}: its filter lets only completed jobs pass`)
    demand(!tooDeep, 'I48', () => `${what()}: that has ${DEPTH_MAX} jobs above it already`)
    demand(!tooWide, 'I48', () => `${what()}: ${settings.descendantsMax} jobs have come of its root already`)
    return
  }
  const earned = event.reason === 'filter'
    ? !passes
    : event.reason === 'cooldown'
    ? isCoolingDown(truth, trigger, event)
    : event.reason === 'CALL_TOO_DEEP'
    ? tooDeep
    : event.reason === 'CALL_TOO_WIDE' && tooWide
  demand(earned, 'I47', () => `${what()}: there is no reason for that`)
}

/** The instant at which it fired last is rounded, and a clock is followed little by little. */
const COOLDOWN_MS_MORE = 3_000

function isCoolingDown(truth: Truth, { id, cooldown_ms }: TriggerRow, event: TriggerEventRow): boolean {
  const last = truth.fired.get(id)
  return last !== undefined && cooldown_ms > 0 && truth.time.of(event.timestamp) - last < cooldown_ms + COOLDOWN_MS_MORE
}

/** I48: the job of an event is of its trigger's workflow, and knows what has led to it; and that knows of the job. */
function jobIsRight({ truth, change }: RuleInput, event: TriggerEventRow, parent: JobRow | null): void {
  const { chains } = truth
  const job = madeIn(change, event.job_id)
  demand(job !== undefined, 'I47', () => `${event.trigger_id} fired, and made no job ${event.job_id}`)
  const made = [job.trigger_id, job.workflow_id, job.retry_of]
  const wanted = [event.trigger_id, event.workflow_id, null]
  demand(same(made, wanted), 'I48', () => `${job.id} is ${made.join()}, and its trigger says ${wanted.join()}`)
  if (parent !== null) chains.joined(parent.id, job.id)
  const related = [job.parent_job_id, job.root_job_id, job.depth]
  const relations = parent === null ? [null, null, 0] : [parent.id, chains.rootOf(job.id), chains.depthOf(job.id)]
  demand(same(related, relations), 'I48', () => `${job.id} is after ${related.join()}; it comes of ${relations.join()}`)
  if (parent === null) return
  const noted = change.history.some((entry) =>
    entry.job_id === parent.id && entry.event === 'started_job' && entry.detail.startsWith(`started job ${job.id} `)
  )
  demand(noted, 'I48', () => `${parent.id} has led to ${job.id}, and its history does not say so`)
}

/** I3, I48: whatever is made by a trigger is in its events, and what comes of nothing has nothing above it. */
const noGhostJobs: Rule = ({ truth, change }) => {
  const made = new Set<JobId | null>(change.chains.events.map(({ job_id }) => job_id))
  for (const { before, after: job } of change.jobs) {
    if (before !== undefined) continue
    const first = job.retry_of === null ? undefined : truth.jobs.get(job.retry_of)
    if (first !== undefined) {
      // A job that is run again has the place of the first one, and begins a family of its own.
      if (first.parent_job_id !== null) truth.chains.depths.set(job.id, truth.chains.depthOf(first.id))
      const [again, once] = [[job.parent_job_id, job.root_job_id, job.depth], [first.parent_job_id, null, first.depth]]
      demand(same(again, once), 'I48', () => `${job.id} is after ${again.join()}; ${first.id} was after ${once.join()}`)
    } else if (job.trigger_id !== null) {
      demand(made.has(job.id), 'I47', () => `${job.trigger_id} made ${job.id}, which is not among its events`)
    } else {
      const alone = job.parent_job_id === null && job.root_job_id === null && job.depth === 0
      demand(alone, 'I48', () => `${job.id} is after ${job.parent_job_id}, and nothing has led to it`)
    }
  }
}

const PLANNED = ['trigger_type', 'workflow_id', 'config', 'filter', 'priority', 'cooldown_ms'] as const

function hasEnded(before: JobRow | undefined, after: JobRow): boolean {
  return after.completed_at !== null && before?.completed_at == null
}

/** I47, I1: what stands in the row of a trigger is what its events and its jobs say, and what people wanted. */
const triggersAreRight: Rule = ({ truth, change }) => {
  const { chains } = truth
  for (const event of change.chains.events) {
    const counts = chains.countsOf(event.trigger_id)
    if (event.outcome === 'fired') counts.fired++
    else {
      counts.skipped++
      chains.skips.set(event.trigger_id, [
        ...chains.skips.get(event.trigger_id)?.slice(-SKIPS_MAX) ?? [],
        change.elapsed,
      ])
    }
  }
  for (const { before, after } of change.jobs) {
    if (after.trigger_id === null || after.retry_of !== null || !hasEnded(before, after)) continue
    const counts = chains.countsOf(after.trigger_id)
    if (after.status === 'completed') counts.success++
    else if (after.status !== 'cancelled') counts.error++
  }
  for (const id of change.chains.former.keys()) {
    const row = chains.triggers.get(id)
    if (row === undefined) continue
    const { fired, skipped, success, error } = chains.countsOf(id)
    const [shown, counted] = [[row.trigger_count, row.success_count, row.error_count], [fired, success, error]]
    demand(same(shown, counted), 'I47', () => `${id} counts ${shown.join()}, and it is ${counted.join()}`)
    demand(row.skipped_count >= skipped, 'I47', () => `${id} skipped ${row.skipped_count} and wrote down ${skipped}`)
    if (!CHAINED.has(row.trigger_type)) continue
    const wanted = chains.plans.get(id)?.some((plan) => PLANNED.every((field) => same(plan[field], row[field])))
    demand(wanted === true, 'I1', () => `nobody asked for ${id} to be ${JSON.stringify(row)}`)
  }
}

export const CHAIN_RULES: readonly Rule[] = [noGhostJobs, causesAreFollowed, triggersAreRight]
