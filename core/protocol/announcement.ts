/** What webhooks may be told of. Another kind of event is one more line here, and one call of `emit`. */
export const WEBHOOK_EVENTS = [
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
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** What a webhook is told when somebody asks for a test, whatever it listens to. */
export const PING = 'webhook.ping'

/** What a webhook may ask for: everything, a family as `job.*`, or one kind by its name. */
export const EVENT_PATTERNS: readonly string[] = [
  '*',
  ...new Set(WEBHOOK_EVENTS.map((name) => `${name.split('.')[0]}.*`)),
  ...WEBHOOK_EVENTS,
]

/** Whether somebody who asked for these is told of this. */
export function matches(patterns: readonly string[], name: WebhookEvent): boolean {
  return patterns.some((pattern) =>
    pattern === '*' || pattern === name || (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1)))
  )
}
