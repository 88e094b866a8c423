import type { Reply } from '../../../core/reply.ts'
import type { Send } from '../../../core/turn.ts'
import type { KeyId, Millis, RobotId, TriggerId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { Settings } from '../../../core/settings.ts'
import { submissionsLeft } from '../../../core/limiter/rates.ts'
import type { State } from '../../../core/state.ts'
import type { Truth } from '../truth/truth.ts'
import type { Rule } from './rule.ts'
import type { World } from '../world/world.ts'
import type { JobRequest } from '../truth/job-request.ts'
import { demand } from '../violation.ts'
import { BY, KEY } from '../world/givens.ts'

/** Rate limits: the rule I28. Windows are counted here from the rows, one by one. */

/** A limit: its name, the number of jobs that it admits, and its window. */
interface RateLimit {
  readonly name: string
  readonly most: number
  readonly windowMs: Millis
  readonly remaining: (state: State, at: Millis) => number | undefined
}

function limitFor(
  settings: Settings,
  job: { readonly trigger_id: TriggerId | null; readonly created_by: string },
): RateLimit {
  const { trigger_id, created_by } = job
  if (trigger_id === null || created_by === BY) {
    const { submissionsMax: most, submissionsMs: windowMs } = settings
    return { name: KEY, most, windowMs, remaining: (state, at) => submissionsLeft(state, KEY as KeyId, at)?.remaining }
  }
  const { webhookCallsMax: most, webhookCallsMs: windowMs } = settings
  const windowOf = (state: State) => state.limiters.triggers.get(trigger_id)
  return { name: trigger_id, most, windowMs, remaining: (state, at) => windowOf(state)?.quota(at)?.remaining ?? most }
}

/** I28: in no window are there more jobs than the limit lets through, over restarts; and memory has counted them all. */
const ratesHold: Rule = ({ truth, state, change }) => {
  for (const { before, after: job } of change.jobs) {
    if (before !== undefined || job.retry_of !== null) continue
    // Jobs that follow from others, and from runs of schedules, have no limit of this kind.
    const hook = job.trigger_id !== null && !truth.chains.plans.has(job.trigger_id)
    if (job.created_by !== BY && !hook) continue
    const { name, most, windowMs, remaining } = limitFor(truth.settings, job)
    if (most === 0) continue
    const made = truth.made.get(name) ?? []
    const madeAt = truth.time.of(job.created_at)
    made.push(madeAt)
    truth.made.set(name, made)
    const inside = made.filter((at) => at > madeAt - windowMs).length
    demand(inside <= most, 'I28', () => `${inside} jobs of ${name} were made in one window, and ${most} may be`)
    // Others of the same commit are not counted here yet.
    const left = state === null ? undefined : remaining(state, job.created_at)
    demand(left === undefined || left <= most - inside, 'I28', () => `${name} has ${most - inside} left, not ${left}`)
  }
}

/** I28: a refused caller has used up the limit, and the answer has the instant at which that ends. */
export function refusalIsEarned(truth: Truth, trigger: TriggerId | null, answer: Reply): void {
  const details = answer.type === 'refusal' && answer.refusal.refused === 'RATE_LIMITED' ? answer.refusal.details : {}
  const { reset, retry_after_ms } = details as { readonly reset?: number; readonly retry_after_ms?: number }
  if (reset === undefined || retry_after_ms === undefined) return
  const { name, most, windowMs } = limitFor(truth.settings, {
    trigger_id: trigger,
    created_by: trigger === null ? BY : `trigger:${trigger}`,
  })
  // Seconds are rounded up.
  const refusedAt = truth.time.of(reset * 1_000 - retry_after_ms)
  const used = (truth.made.get(name) ?? []).filter((at) => at > refusedAt - 1_000 - windowMs).length
  demand(used >= most, 'I28', () => `${name} is refused at ${used} of ${most}`)
}

/** I29: a delivery that comes again gets the answer that it got before, and makes no job. Whether it had come before. */
export function deliveryIsOnce(truth: Truth, { delivery }: JobRequest, { id }: JobRow): boolean {
  if (delivery === undefined) return false
  const first = truth.delivered.get(delivery)
  truth.delivered.set(delivery, id)
  demand(first === undefined || first === id, 'I29', () => `${delivery} made ${first}, and again ${id}`)
  return first !== undefined
}

/** Messages that may be answered with RATE_LIMITED. */
const REFUSABLE: ReadonlySet<string> = new Set(['heartbeat', 'job_progress', 'log_entry', 'log_batch', 'garbled'])

/** I28, P37: messages of a robot about its jobs are never refused for their rate, and its used rate is remembered. */
export function rateIsFair(truth: Truth, send: Send): void {
  if (send.to !== 'socket') return
  if ('close' in send) return closedForCause(truth, send)
  const { message, socket } = send
  const robot = truth.owners.get(socket)
  const asked = message.correlation_id === undefined ? undefined : truth.origins.get(message.correlation_id)
  if (message.type === 'heartbeat_ack' && robot !== undefined && asked?.counts === true) truth.messageCounted(robot)
  if (message.type !== 'error' || message.payload.error_code !== 'RATE_LIMITED') return
  const about = asked?.type ?? 'garbled'
  demand(REFUSABLE.has(about), 'I28', () => `${about} of ${robot} was refused for its rate`)
}

/** I28, P38: a robot that has jobs is not closed for how many messages it sends: their results would be lost with it. */
function closedForCause(truth: Truth, { socket, close }: Extract<Send, { readonly close: unknown }>): void {
  if (close.code !== 4429) return
  const robot = truth.owners.get(socket)
  const jobs = robot === undefined ? [] : truth.heldBy(robot)
  demand(jobs.length === 0, 'I28', () => `${robot} has ${jobs[0]?.id} and is closed: ${close.reason}`)
}

/** Marks that a robot was warned about its limit, or disconnected for it. */
export function markRates(world: World, send: Send): void {
  if (send.to !== 'socket') return
  if ('close' in send) {
    if (send.close.code === 4429) world.mark('flood closed')
  } else if (send.message.type === 'error' && send.message.payload.error_code === 'RATE_LIMITED') {
    world.mark('robot warned of its rate')
  }
}

/** The longest time from the beginning of a turn until its messages are sent. */
const SLOW_MS: Millis = 5_000

/** I28: the used part of a robot's limit stays over reconnections and hibernation. */
const messageRatesRemember: Rule = ({ truth, state, change, whole }) => {
  const { robotMessagesMax: most, robotMessagesMs } = truth.settings
  if (state === null || most === 0 || !whole) return
  for (const robot of state.sessions.keys()) {
    const times = truth.countedMessages.get(robot) ?? []
    let counted = 0
    while ((times.at(-1 - counted) ?? 0) > change.elapsed - robotMessagesMs + SLOW_MS) counted++
    const left = state.limiters.robots.get(robot)?.window.quota(change.at)?.remaining ?? most
    const reason = Math.max(0, most - counted)
    demand(left <= reason, 'I28', () => `${robot} said ${counted} things, and has ${left} of ${most} left`)
  }
}

/** Forgets the counters when a process starts, except those of robots whose connections it still has. */
export function forgetCounted(truth: Truth, kept: ReadonlyMap<RobotId, unknown>): void {
  for (const robot of truth.countedMessages.keys()) if (!kept.has(robot)) truth.countedMessages.delete(robot)
}

export const RATE_RULES: readonly Rule[] = [ratesHold, messageRatesRemember]
