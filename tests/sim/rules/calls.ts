import type { Reply } from '../../../core/reply.ts'
import type { JobId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { TriggerEventRow, TriggerRow } from '../../../core/records/trigger.ts'
import type { Refusal } from '../../../core/base/refusal.ts'
import { demand, Violation } from '../violation.ts'
import type { CallTruth } from '../truth/chain-truth.ts'
import type { Truth } from '../truth/truth.ts'
import { chainConfigOf } from './chain-config.ts'
import type { RuleInput } from './rule.ts'

/**
 * Rules about calls: I49 and L10. A call makes one job at most, however often it is sent, and has one outcome. Only jobs and
 * people that may call do.
 */

/** An event says that somebody has called. Returns the job that called; null for a person who named none. */
export function callIsTrue(
  { truth, change }: RuleInput,
  trigger: TriggerRow | undefined,
  changed: boolean,
  event: TriggerEventRow,
): JobRow | null {
  const call = event.job_id === null ? undefined : truth.chains.calls.get(event.job_id)
  demand(call !== undefined, 'I49', () => `nobody called ${event.trigger_id} for ${event.job_id}`)
  const named = changed || (trigger !== undefined && chainConfigOf(trigger).call_alias === call.alias)
  demand(named, 'I49', () => `${call.alias} was called, and ${event.trigger_id} fired`)
  demand(call.child === null, 'I49', () => `a call of ${call.alias} made ${call.child}, and again ${event.job_id}`)
  call.child = event.job_id
  if (call.parent === null) {
    const open = changed || trigger === undefined || chainConfigOf(trigger).allowed_callers?.length === 0
    demand(open, 'I49', () => `${call.by.name} is no job, and may not call ${call.alias}`)
    return null
  }
  const parent = truth.jobs.get(call.parent)
  demand(parent !== undefined, 'I49', () => `${call.parent} called ${call.alias}, and that job does not exist`)
  const touched = change.jobs.filter(({ after }) => after.id === call.parent)
  const lived = parent.completed_at === null || touched.some(({ before }) => before?.completed_at == null)
  demand(lived, 'I49', () => `${parent.id} called ${call.alias}, and had ended before`)
  const rows = [parent, ...touched.flatMap(({ before }) => before ?? [])]
  const its = call.robot === null || rows.some((row) => row.robot_id === call.robot)
  demand(its, 'I49', () => `${call.robot} called ${call.alias} for ${parent.id}, which ${parent.robot_id} runs`)
  const may = changed || (trigger !== undefined && mayCall(trigger, call, parent))
  demand(may, 'I49', () => `${parent.id} may not call ${call.alias}`)
  return parent
}

/** The job speaks for itself with the key of its robot, and is of a workflow that may call. */
function mayCall(trigger: TriggerRow, call: CallTruth, parent: JobRow): boolean {
  const { allowed_callers = [] } = chainConfigOf(trigger)
  if (allowed_callers.length === 0) return true
  const own = call.robot !== null && parent.robot_id === call.robot
  return own && parent.workflow_version !== null && allowed_callers.includes(parent.workflow_id)
}

/** I49: the answer to a call is the one job that it has made, or a reason why it has made none. */
export function callIsAnswered(truth: Truth, call: CallTruth, job: JobId, answer: Reply): void {
  if (answer.type === 'refusal') {
    if (answer.refusal.refused === 'UNAVAILABLE') return
    demand(!truth.disk.tables.jobs.has(job), 'I3', () => `the call of ${job} was refused, and the job exists`)
    const earned = isEarned(truth, call, answer.refusal)
    demand(earned, 'I49', () => `${call.alias} was refused without a reason: ${answer.refusal.message}`)
    return
  }
  if (answer.type !== 'fired') throw new Violation('I49', `a call of ${call.alias} is answered with ${answer.type}`)
  const { child } = call
  demand(
    child !== null && answer.job?.id === child,
    'I49',
    () => `a call made ${child}, and is answered with ${answer.job?.id}`,
  )
}

/** True where there is a reason not to let a call in. A trigger may have changed since. */
function isEarned(truth: Truth, call: CallTruth, { refused, details }: Refusal): boolean {
  const { chains, settings, commits } = truth
  const named = [...chains.triggers.values()].find((row) => chainConfigOf(row).call_alias === call.alias)
  const recent = [...chains.changedAt.values()].some((at) => at >= commits - truth.commitsBehind)
  if (recent) return true
  const parent = call.parent === null ? undefined : truth.jobs.get(call.parent)
  const { cooldown_remaining } = details as { readonly cooldown_remaining?: number }
  switch (refused) {
    case 'TRIGGER_NOT_FOUND':
      return named === undefined
    case 'CONFLICT':
      // One that was pending may have been queued later in the same turn.
      return parent !== undefined && parent.status !== 'running'
    case 'FORBIDDEN':
      return named?.enabled === false || (call.robot !== null && parent?.robot_id !== call.robot) ||
        (named !== undefined && (parent === undefined || !mayCall(named, call, parent)))
    case 'RATE_LIMITED':
      return cooldown_remaining === undefined ? settings.submissionsMax > 0 : (named?.cooldown_ms ?? 0) > 0
    case 'CALL_TOO_DEEP':
      return parent !== undefined && chains.depthOf(parent.id) >= 10
    case 'CALL_TOO_WIDE':
      return parent !== undefined && chains.descendantsOf(parent.id) >= settings.descendantsMax
    default:
      return false
  }
}

/** L10: in the end no caller waits any more. */
export function callersHaveTheirOutcome(truth: Truth): void {
  for (const call of truth.chains.calls.values()) {
    const done = call.over || call.outcome !== null
    if (!done) throw new Violation('L10', `${call.parent ?? call.by.name} called ${call.alias} and waits for ever`)
  }
}
