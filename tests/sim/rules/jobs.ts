import { JOB_STATUSES, type JobRow } from '../../../core/records/job.ts'
import type { Truth } from '../truth/truth.ts'
import type { Rule, RuleInput } from './rule.ts'
import type { JobRequest } from '../truth/job-request.ts'
import { demand, same } from '../violation.ts'
import { POOL_TAGS } from '../world/givens.ts'
import type { HistoryRow } from '../../../core/records/job-history.ts'

/** Rules about jobs after every commit. `rules.ts` lists when each applies. */

const ENDS: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'timeout'])
const STAYS = JOB_STATUSES.map((status) => `${status}>${status}`)

/** DESIGN 5.1, written down a second time: what may happen to a job, from where and to where. */
const EDGES: Readonly<Record<HistoryRow['event'], readonly string[]>> = {
  submit: ['null>queued', 'null>pending'],
  offer: ['queued>queued'],
  ready: ['pending>queued'],
  accept: ['queued>running', 'pending>running'],
  back_off: ['queued>pending', 'running>pending'],
  requeue: ['running>queued'],
  complete: ['running>completed'],
  fail: ['queued>failed', 'running>failed'],
  cancel: ['pending>cancelled', 'queued>cancelled', 'running>cancelled'],
  expire: ['pending>timeout', 'queued>timeout', 'running>timeout'],
  unanswered: ['queued>queued'],
  late_result: STAYS,
  stopped: ['cancelled>cancelled', 'timeout>timeout', 'failed>failed'],
  requeued: ['failed>failed'],
  started_job: STAYS,
  disconnected: STAYS,
  reconnected: STAYS,
}

const FIXED = [
  'workflow_id',
  'workflow_name',
  'workflow_version',
  'definition',
  'pinned_robot_id',
  'environment',
  'required_tags',
  'required_capabilities',
  'priority',
  'parameters',
  'timeout_ms',
  'retry_safety',
  'scheduled_time',
  'created_at',
  'created_by',
  'trigger_id',
  'schedule_id',
  'due_at',
  'parent_job_id',
  'root_job_id',
  'depth',
  'seq',
] as const satisfies readonly (keyof JobRow)[]

/** I1: what was submitted stands in the row, and stays as it was. */
const submittedFieldsStay: Rule = ({ truth, change }) => {
  for (const { before, after } of change.jobs) {
    if (before === undefined) matchesRequest(after, truth.requests.get(after.id))
    else {
      for (const field of FIXED) {
        demand(
          same(before[field], after[field]),
          'I1',
          () => `${field} of job ${after.id} changed after it was submitted`,
        )
      }
    }
  }
}

function matchesRequest(job: JobRow, asked: JobRequest | undefined): void {
  const submission = asked?.submission
  if (submission === undefined || submission === null) return
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['parameters', job.parameters, submission.parameters],
    ['priority', job.priority, submission.priority],
    ['pinned_robot_id', job.pinned_robot_id, submission.robot],
    ['environment', job.environment, submission.environment],
    ['required_tags', job.required_tags, [
      ...new Set([...submission.required_tags, ...submission.pool === null ? [] : POOL_TAGS]),
    ]],
    ['required_capabilities', job.required_capabilities, submission.required_capabilities],
    ['scheduled_time', job.scheduled_time, submission.scheduled_time],
    ['retry_safety', job.retry_safety, submission.retry_safety],
    ['pool', job.pool, submission.pool],
    ['max_attempts', job.max_attempts, submission.max_attempts],
    ['concurrency_key', job.concurrency_key, submission.concurrency_key],
    ['concurrency_limit', job.concurrency_limit, submission.concurrency_limit],
  ]
  for (const [field, kept, wanted] of pairs) {
    demand(same(kept, wanted), 'I1', () => `${field} of job ${job.id} is not what was submitted`)
  }
}

/** I1: an acknowledged job exists after every restart, as it was last seen. */
export function acknowledgedJobsExist(truth: Truth): void {
  for (const id of truth.acknowledged) {
    const job = truth.disk.tables.jobs.get(id)
    demand(job !== undefined, 'I1', () => `job ${id} was acknowledged and is not on the disk`)
    demand(same(job, truth.jobs.get(id)), 'I1', () => `job ${id} changed on the disk though nobody committed it`)
  }
}

/** I3: a job has exactly one cause, and a request that was refused leaves none. */
const noGhosts: Rule = ({ truth, change }) => {
  for (const { before, after } of change.jobs) {
    if (before !== undefined) continue
    // Schedules make jobs unasked, and so do ends and runs: `schedules.ts` and `chains.ts` check that.
    const unasked = after.due_at !== null || (after.trigger_id !== null && truth.chains.plans.has(after.trigger_id))
    demand(truth.requests.has(after.id) || unasked, 'I3', () => `nobody asked for job ${after.id}`)
    demand(!truth.refused.has(after.id), 'I3', () => `job ${after.id} was refused and exists`)
  }
}

/** I7: a job moves along known edges, its history has no gap, and the last entry is where it is. */
const historyIsTheWay: Rule = ({ truth, change }) => {
  for (const entry of change.history) {
    const entries = truth.histories.get(entry.job_id) ?? []
    const former = entries[entries.indexOf(entry) - 1]
    const edge = `${entry.from_status}>${entry.to_status}`
    const known = EDGES[entry.event].includes(edge)
    demand(known, 'I7', () => `${entry.event} took job ${entry.job_id} along ${edge}`)
    demand(
      (former?.to_status ?? null) === entry.from_status && (former === undefined || former.seq < entry.seq),
      'I7',
      () => `the history of job ${entry.job_id} has a gap before ${entry.event}: ${former?.to_status} and ${edge}`,
    )
  }
  for (const { after } of change.jobs) {
    const last = truth.histories.get(after.id)?.at(-1)
    demand(
      last?.to_status === after.status,
      'I7',
      () => `job ${after.id} is ${after.status} and its history ends with ${last?.to_status}`,
    )
  }
}

/** I8: a job ends once, and what stands in it then stands. */
const oneEnd: Rule = ({ truth, change }) => {
  for (const { before, after } of change.jobs) {
    if (before === undefined || !ENDS.has(before.status)) continue
    const settled = { ...before, stop_until: after.stop_until, dead_lettered: after.dead_lettered }
    demand(same(settled, after), 'I8', () => `job ${after.id} had ended as ${before.status} and was written again`)
  }
  for (const entry of change.history) {
    const ends = (truth.histories.get(entry.job_id) ?? []).filter(({ from_status, to_status }) =>
      from_status !== to_status && ENDS.has(to_status)
    )
    demand(ends.length <= 1, 'I8', () => `job ${entry.job_id} ended ${ends.length} times`)
  }
}

/** I9: every status has the fields that it needs, and no others. */
const fieldsFitStatus: Rule = ({ change }) => {
  for (const { after: job } of change.jobs) {
    const waits = job.status === 'pending' || job.status === 'queued'
    const say = (what: string) => (): string => `job ${job.id} is ${job.status} and ${what}`
    if (waits) demand(job.started_at === null && job.completed_at === null, 'I9', say('has a start or an end'))
    if (job.status === 'running') {
      demand(job.robot_id !== null && job.offer >= 1 && job.started_at !== null, 'I9', say('lacks who runs it'))
      demand(job.started_at >= job.created_at, 'I9', say(`started ${job.created_at - job.started_at} ms too early`))
      demand(job.timeout_ms > 0 && job.completed_at === null, 'I9', say('has no limit, or an end'))
    }
    if (!ENDS.has(job.status)) continue
    demand(
      job.completed_at !== null && job.completed_at >= (job.started_at ?? job.created_at),
      'I9',
      say('ended before it started'),
    )
    if (job.status === 'completed') demand(job.progress === 100 && job.result !== null, 'I9', say('has no result'))
    else demand(job.error_message !== '', 'I9', say('does not say why'))
  }
}

/** I10: within an attempt progress only grows, and it is a percentage. */
const progressGrows: Rule = ({ change }) => {
  for (const { before, after } of change.jobs) {
    const whole = Number.isInteger(after.progress) && after.progress >= 0 && after.progress <= 100
    demand(whole, 'I10', () => `the progress of job ${after.id} is ${after.progress}`)
    if (before?.offer !== after.offer || before.status !== 'running') continue
    // A job that went back to the queue begins anew, even when its time in the queue is over in the same turn.
    const back = change.history.some(({ job_id, event }) => job_id === after.id && event === 'requeue')
    const falls = after.progress < before.progress && (after.status === 'running' || ENDS.has(after.status))
    demand(
      !falls || back,
      'I10',
      () => `the progress of job ${after.id} fell from ${before.progress} to ${after.progress}`,
    )
  }
}

/** A schedule has made a job in this turn, and cancelled the previous one. */
function isReplaced({ job_id, actor }: HistoryRow, change: RuleInput['change']): boolean {
  const id = change.jobs.find(({ after }) => after.id === job_id)?.after.schedule_id ?? null
  return id !== null && actor === `schedule:${id}` &&
    change.scheduleRuns.some((row) => row.schedule_id === id && row.job_id !== null && row.job_id !== job_id)
}

/** I12: only the holder of the last offer moves a job, and it really did what is recorded of it. */
const onlyTheHolder: Rule = ({ truth, change }) => {
  for (const entry of change.history) {
    if (!['accept', 'complete', 'fail', 'cancel', 'back_off', 'requeue'].includes(entry.event)) continue
    if (!entry.actor.startsWith('robot:')) {
      const meant = entry.event !== 'cancel' || truth.cancelRequested.has(entry.job_id) || isReplaced(entry, change)
      demand(meant, 'I30', () => `nobody called off job ${entry.job_id}, which is cancelled`)
      if (entry.event === 'cancel') continue
    }
    const entries = truth.histories.get(entry.job_id) ?? []
    const offer = entries.slice(0, entries.indexOf(entry)).findLast(({ event }) => event === 'offer')
    const holds = offer !== undefined && offer.robot_id === entry.robot_id && offer.offer === entry.offer
    const who = `${entry.robot_id} by offer ${entry.offer}`
    demand(holds, 'I12', () => `${entry.event} of job ${entry.job_id} by ${who}, which was not the last offer`)
    const execution = truth.execution(
      offer.robot_id as NonNullable<HistoryRow['robot_id']>,
      entry.job_id,
      entry.offer,
    )
    if (entry.event === 'accept') {
      demand(execution.started, 'I12', () => `${who} never started job ${entry.job_id}, which it is said to run`)
    }
    if (entry.event === 'back_off' && entry.detail.startsWith('refused by')) {
      demand(execution.refused, 'I12', () => `${who} never refused job ${entry.job_id}`)
    }
    if (entry.event === 'cancel') {
      demand(execution.stopped, 'I12', () => `${who} never stopped job ${entry.job_id}, which is cancelled`)
    }
  }
}

/** Ends that no robot reports. */
const NOT_REPORTED: ReadonlySet<string> = new Set(['OUTCOME_UNKNOWN', 'ROBOT_LOST'])

/** I13: what is recorded as done was done: by that robot, by that offer, with that result. */
const resultsAreTrue: Rule = ({ truth, change }) => {
  for (const { before, after: job } of change.jobs) {
    if (job.robot_id === null) continue
    const execution = truth.execution(job.robot_id, job.id, job.offer)
    const who = `${job.robot_id} by offer ${job.offer}`
    if (job.status === 'completed' && before?.status !== 'completed') {
      demand(
        execution.completed === job.result,
        'I13',
        () => `job ${job.id} is completed with ${job.result}; ${who} really had ${execution.completed}`,
      )
    }
    if (job.status === 'failed' && before?.status !== 'failed' && !NOT_REPORTED.has(job.error_type)) {
      demand(
        execution.failed === job.error_message,
        'I13',
        () => `job ${job.id} failed with ${job.error_message}; ${who} really had ${execution.failed}`,
      )
    }
    if (job.status === 'running') {
      demand(
        job.progress <= execution.progress,
        'I13',
        () => `job ${job.id} is at ${job.progress} %; ${who} never got beyond ${execution.progress}`,
      )
    }
  }
}

/** All of them, in the order in which they are best read when several fail. */
export const JOB_RULES: readonly Rule[] = [
  noGhosts,
  submittedFieldsStay,
  historyIsTheWay,
  oneEnd,
  fieldsFitStatus,
  progressGrows,
  onlyTheHolder,
  resultsAreTrue,
]
