/** What webhooks may be told of. Another kind of event is one more line here, and one call of `announce`. */
export const ANNOUNCEMENTS = [
  'job.created',
  'job.queued',
  'job.started',
  'job.completed',
  'job.failed',
  'job.cancelled',
  'job.timeout',
  'job.dead_lettered',
  'robot.online',
  'robot.offline',
  'schedule.fired',
  'schedule.skipped',
  'trigger.fired',
  'trigger.skipped',
  'webhook.disabled',
] as const
export type Announcement = (typeof ANNOUNCEMENTS)[number]

/** What a webhook is told when somebody asks for a test, whatever it listens to. */
export const PING = 'webhook.ping'

/** What a webhook may ask for: everything, a family as `job.*`, or one kind by its name. */
export const PATTERNS: readonly string[] = [
  '*',
  ...new Set(ANNOUNCEMENTS.map((name) => `${name.split('.')[0]}.*`)),
  ...ANNOUNCEMENTS,
]

/** Whether somebody who asked for these is told of this. */
export function asksFor(patterns: readonly string[], name: Announcement): boolean {
  return patterns.some((pattern) =>
    pattern === '*' || pattern === name || (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1)))
  )
}
