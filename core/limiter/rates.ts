import type { Turn } from '../turn.ts'
import type { KeyId, Millis, TriggerId } from '../base/ids.ts'
import type { JobRow, RecentJob } from '../records/job.ts'
import { epochSeconds, type Limit, type Quota, SlidingWindow } from '../base/sliding-window.ts'
import type { Settings } from '../settings.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import { triggerTypeOf } from '../trigger-types/index.ts'
import type { Limiters, State } from '../state.ts'

/** Nothing is used up. */
export function newLimiters(): Limiters {
  return { robots: new Map(), triggers: new Map(), skips: new Map(), keys: new Map() }
}

/** What a robot may say. */
export function messageLimit({ robotMessagesMax, robotMessagesMs }: Settings): Limit {
  return { most: robotMessagesMax, windowMs: robotMessagesMs }
}

/** How often a trigger may be called. */
export function callLimit({ webhookCallsMax, webhookCallsMs }: Settings): Limit {
  return { most: webhookCallsMax, windowMs: webhookCallsMs }
}

/** How many jobs may be submitted with one key. */
export function submissionLimit({ submissionsMax, submissionsMs }: Settings): Limit {
  return { most: submissionsMax, windowMs: submissionsMs }
}

/** Since when the jobs that were made count for a limit; null when there is none that they count for. */
export function recentSince(settings: Settings, now: Millis): Millis | null {
  const windows = [callLimit(settings), submissionLimit(settings)].filter(({ most }) => most > 0)
  return windows.length === 0 ? null : now - Math.max(...windows.map(({ windowMs }) => windowMs))
}

/** What calls of a trigger have used up. */
export function callWindow(state: State, trigger: TriggerId): SlidingWindow {
  return windowIn(state.limiters.triggers, trigger, callLimit(state.settings))
}

/** What events of a trigger that made no job have used up of what is written down of them: one a second, by the minute. */
export function skipWindow(state: State, trigger: TriggerId): SlidingWindow {
  return windowIn(state.limiters.skips, trigger, { most: 60, windowMs: 60_000 })
}

/** What submissions with a key have used up. */
export function submissionWindow(state: State, key: KeyId): SlidingWindow {
  return windowIn(state.limiters.keys, key, submissionLimit(state.settings))
}

/** What is left of a key's submissions, for answers that need not go through the core. */
export function submissionsLeft(state: State, key: KeyId, now: Millis): Quota | null {
  return (state.limiters.keys.get(key) ?? new SlidingWindow(submissionLimit(state.settings))).quota(now)
}

/** What is left of the calls of a trigger, likewise. */
export function callsLeft(state: State, trigger: TriggerId, now: Millis): Quota | null {
  return (state.limiters.triggers.get(trigger) ?? new SlidingWindow(callLimit(state.settings))).quota(now)
}

function windowIn<Id>(windows: Map<Id, SlidingWindow>, id: Id, limit: Limit): SlidingWindow {
  let window = windows.get(id)
  if (window === undefined) windows.set(id, window = new SlidingWindow(limit))
  return window
}

/**
 * Makes a job for somebody with a key, if the limit on submissions lets one more through; null, as in the same process: there
 * is none. However a job is asked for, it counts: by a submission, as one that is run again, or as the run of a schedule.
 */
export function withSubmissionLimit(
  state: State,
  key: KeyId | null,
  turn: Turn,
  make: () => JobRow | Refusal,
): { readonly job: JobRow | Refusal; readonly quota: Quota | null } {
  if (key === null) return { job: make(), quota: null }
  const window = submissionWindow(state, key)
  const before = window.quota(turn.now)
  const job = before?.remaining === 0 ? rateLimited('submissions', submissionLimit(state.settings), before) : make()
  if (isRefusal(job)) return { job, quota: before }
  window.count(turn.now)
  return { job, quota: window.quota(turn.now) }
}

/** What is told to whoever has used a limit up. */
export function rateLimited(what: string, { most, windowMs }: Limit, quota: Quota): Refusal {
  const seconds = secondsLeft(quota)
  return refuse('RATE_LIMITED', `At most ${most} ${what} in ${windowMs / 1000} s: try again in ${seconds} s`, {
    limit: quota.limit,
    remaining: quota.remaining,
    reset: epochSeconds(quota.resetAt),
    retry_after_ms: quota.retryAfterMs,
  })
}

/** Whole seconds, at least one, after which one more is accepted. */
function secondsLeft(quota: Quota): number {
  return Math.max(1, Math.ceil(quota.retryAfterMs / 1000))
}

/**
 * Counts the jobs that were made before this state began. Rows have the name of the key that a job was asked for with: a
 * job counts for every key of that name, so that none gets more than its limit.
 */
export function loadRecent(state: State, jobs: readonly RecentJob[], now: Millis): void {
  const named = new Map<string, KeyId[]>()
  for (const { id, name } of state.keys.values()) named.set(name, [...named.get(name) ?? [], id])
  for (const job of jobs.toSorted((a, b) => a.created_at - b.created_at)) {
    const { created_at, created_by, trigger_id } = job
    // Of a clock that was wrong when the job was made.
    if (created_at > now) continue
    if (trigger_id !== null && created_by === `trigger:${trigger_id}`) {
      const trigger = state.triggers.get(trigger_id)
      if (trigger !== undefined && triggerTypeOf(trigger.trigger_type).rateLimited) {
        callWindow(state, trigger_id).count(created_at)
      }
    } else for (const key of named.get(created_by) ?? []) submissionWindow(state, key).count(created_at)
  }
}
