import type { Turn } from '../turn.ts'
import type { KeyId, Millis, TriggerId } from '../base/ids.ts'
import type { JobRow, RecentJob } from '../records/job.ts'
import { epochSeconds, type Limit, type Quota, SlidingWindow } from '../base/sliding-window.ts'
import type { Settings } from '../settings.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import { triggerTypeOf } from '../trigger-types/index.ts'
import type { Limiters, State } from '../state.ts'

/** With nothing used up. */
export function newLimiters(): Limiters {
  return { robots: new Map(), triggers: new Map(), skips: new Map(), keys: new Map() }
}

/** The limit of a robot's messages. */
export function messageLimit({ robotMessagesMax, robotMessagesMs }: Settings): Limit {
  return { most: robotMessagesMax, windowMs: robotMessagesMs }
}

/** The limit of a trigger's calls. */
export function callLimit({ webhookCallsMax, webhookCallsMs }: Settings): Limit {
  return { most: webhookCallsMax, windowMs: webhookCallsMs }
}

/** The limit of submissions with one key. */
export function submissionLimit({ submissionsMax, submissionsMs }: Settings): Limit {
  return { most: submissionsMax, windowMs: submissionsMs }
}

/** The limit of wrong keys, secrets and signatures from one network. */
export function failedAttemptLimit({ wrongKeysMax, wrongKeysMs }: Settings): Limit {
  return { most: wrongKeysMax, windowMs: wrongKeysMs }
}

/** The instant since when created jobs count for a limit; null if no limit counts jobs. */
export function recentSince(settings: Settings, now: Millis): Millis | null {
  const windows = [callLimit(settings), submissionLimit(settings)].filter(({ most }) => most > 0)
  return windows.length === 0 ? null : now - Math.max(...windows.map(({ windowMs }) => windowMs))
}

/** The used part of a trigger's call limit. */
export function callWindow(state: State, trigger: TriggerId): SlidingWindow {
  return windowIn(state.limiters.triggers, trigger, callLimit(state.settings))
}

/** The used part of the limit of stored skips of a trigger: 60 per minute. */
export function skipWindow(state: State, trigger: TriggerId): SlidingWindow {
  return windowIn(state.limiters.skips, trigger, { most: 60, windowMs: 60_000 })
}

/** The used part of a key's submission limit. */
export function submissionWindow(state: State, key: KeyId): SlidingWindow {
  return windowIn(state.limiters.keys, key, submissionLimit(state.settings))
}

/** The state of a key's submission limit, for answers that do not go through the core. */
export function submissionsLeft(state: State, key: KeyId, now: Millis): Quota | null {
  return (state.limiters.keys.get(key) ?? new SlidingWindow(submissionLimit(state.settings))).quota(now)
}

/** The state of a trigger's call limit, likewise. */
export function callsLeft(state: State, trigger: TriggerId, now: Millis): Quota | null {
  return (state.limiters.triggers.get(trigger) ?? new SlidingWindow(callLimit(state.settings))).quota(now)
}

function windowIn<Id>(windows: Map<Id, SlidingWindow>, id: Id, limit: Limit): SlidingWindow {
  let window = windows.get(id)
  if (window === undefined) windows.set(id, window = new SlidingWindow(limit))
  return window
}

/**
 * Makes a job for a key, if its submission limit permits one more; without a limit for a null key, from the same
 * process. Submissions, retries and manual runs of schedules count alike.
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

/** The refusal when a limit is used up. */
export function rateLimited(what: string, { most, windowMs }: Limit, quota: Quota): Refusal {
  const seconds = secondsLeft(quota)
  return refuse('RATE_LIMITED', `At most ${most} ${what} in ${windowMs / 1000} s: try again in ${seconds} s`, {
    limit: quota.limit,
    remaining: quota.remaining,
    reset: epochSeconds(quota.resetAt),
    retry_after_ms: quota.retryAfterMs,
  })
}

/** Whole seconds, at least one, until one more is accepted. */
function secondsLeft(quota: Quota): number {
  return Math.max(1, Math.ceil(quota.retryAfterMs / 1000))
}

/**
 * Counts recent jobs from rows at the start. A row has the name of the key, so a job counts for every key of that name,
 * and none gets more than its limit.
 */
export function loadRecent(state: State, jobs: readonly RecentJob[], now: Millis): void {
  const named = new Map<string, KeyId[]>()
  for (const { id, name } of state.keys.values()) named.set(name, [...named.get(name) ?? [], id])
  for (const job of jobs.toSorted((a, b) => a.created_at - b.created_at)) {
    const { created_at, created_by, trigger_id } = job
    // The clock was wrong when the job was made.
    if (created_at > now) continue
    if (trigger_id !== null && created_by === `trigger:${trigger_id}`) {
      const trigger = state.triggers.get(trigger_id)
      if (trigger !== undefined && triggerTypeOf(trigger.trigger_type).rateLimited) {
        callWindow(state, trigger_id).count(created_at)
      }
    } else for (const key of named.get(created_by) ?? []) submissionWindow(state, key).count(created_at)
  }
}
