import * as v from 'valibot'
import { DEFAULTS, type Settings, STRATEGY_NAMES } from '../../core/settings.ts'
import { isRange } from '../net/client-address.ts'
import { isReachEntry } from '../../outgoing/reach.ts'
import { isOrigin } from '../net/origin.ts'
import { isObject } from '../../core/base/json.ts'
import { checkValue, problemText } from '../../core/protocol/problems.ts'

const YEAR_SECONDS = 31_536_000
const seconds = v.optional(v.pipe(v.number(), v.minValue(0.1), v.maxValue(YEAR_SECONDS)))
const count = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000_000)))
/** A rate limit; 0 for no limit. Bounded, because every counted request is remembered for the window. */
const rate = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000)))
/** Calls in flight. Each has a connection. */
const calls = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000)))
const bytes = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 40)))

const origins = v.optional(
  v.array(v.pipe(v.string(), v.check(isOrigin, 'must be an origin, as https://example.com'))),
)

/** The settings that an operator can change, in seconds and numbers. A setting that is left out keeps its default. */
export const SettingsFile = v.strictObject({
  /** For editors: the URL of the JSON Schema of these settings. */
  $schema: v.optional(v.string()),
  strategy: v.optional(v.picklist(STRATEGY_NAMES)),
  heartbeat_seconds: seconds,
  lease_seconds: seconds,
  grace_seconds: seconds,
  offer_seconds: seconds,
  register_seconds: seconds,
  backoff_seconds: seconds,
  backoff_seconds_max: seconds,
  aging_seconds: seconds,
  queue_ttl_seconds: seconds,
  job_timeout_seconds: seconds,
  duplicate_seconds: seconds,
  idempotency_seconds: seconds,
  status_seconds: seconds,
  lost_tries_max: count,
  live_jobs_max: count,
  descendants_max: count,
  robots_max: count,
  schedules_max: count,
  sockets_max: count,
  unregistered_sockets_max: count,
  webhooks_max: count,
  webhook_requests_max: calls,
  webhook_requests_max_each: calls,
  webhook_failing_seconds: seconds,
  delivery_kept_seconds: seconds,
  webhooks_allow_private: v.optional(v.boolean()),
  mailbox_hosts: v.optional(
    v.array(
      v.pipe(v.string(), v.check(isReachEntry, 'must be *, a host, an address or a network, with or without a port')),
    ),
  ),
  robot_messages_max: rate,
  robot_messages_seconds: seconds,
  robot_bytes_per_second: bytes,
  robot_disk_bytes_per_minute: bytes,
  webhook_calls_max: rate,
  webhook_calls_seconds: seconds,
  submissions_max: rate,
  submissions_seconds: seconds,
  wrong_keys_max: rate,
  wrong_keys_seconds: seconds,
  trusted_proxies: v.optional(v.array(v.pipe(v.string(), v.check(isRange, 'must be an address or a range')))),
  allowed_origins: origins,
  cors_origins: origins,
  fleets_open_max: count,
  fleet_idle_seconds: seconds,
})

/** The field of `Settings` for each name. */
const NAMES: { readonly [N in Exclude<keyof v.InferOutput<typeof SettingsFile>, '$schema'>]-?: keyof Settings } = {
  strategy: 'strategy',
  heartbeat_seconds: 'heartbeatMs',
  lease_seconds: 'leaseMs',
  grace_seconds: 'graceMs',
  offer_seconds: 'offerMs',
  register_seconds: 'registerMs',
  backoff_seconds: 'backoffMs',
  backoff_seconds_max: 'backoffMsMax',
  aging_seconds: 'agingMs',
  queue_ttl_seconds: 'queueTtlMs',
  job_timeout_seconds: 'jobTimeoutMs',
  duplicate_seconds: 'duplicateMs',
  idempotency_seconds: 'idempotencyMs',
  status_seconds: 'statusMs',
  lost_tries_max: 'lostTriesMax',
  live_jobs_max: 'liveJobsMax',
  descendants_max: 'descendantsMax',
  robots_max: 'robotsMax',
  schedules_max: 'schedulesMax',
  sockets_max: 'socketsMax',
  unregistered_sockets_max: 'unregisteredSocketsMax',
  webhooks_max: 'webhooksMax',
  webhook_requests_max: 'webhookRequestsMax',
  webhook_requests_max_each: 'webhookRequestsMaxEach',
  webhook_failing_seconds: 'webhookFailingMs',
  delivery_kept_seconds: 'deliveryKeptMs',
  webhooks_allow_private: 'webhooksAllowPrivate',
  mailbox_hosts: 'mailboxHosts',
  robot_messages_max: 'robotMessagesMax',
  robot_messages_seconds: 'robotMessagesMs',
  robot_bytes_per_second: 'robotBytesPerSecond',
  robot_disk_bytes_per_minute: 'robotDiskBytesPerMinute',
  webhook_calls_max: 'webhookCallsMax',
  webhook_calls_seconds: 'webhookCallsMs',
  submissions_max: 'submissionsMax',
  submissions_seconds: 'submissionsMs',
  wrong_keys_max: 'wrongKeysMax',
  wrong_keys_seconds: 'wrongKeysMs',
  trusted_proxies: 'trustedProxies',
  allowed_origins: 'allowedOrigins',
  cors_origins: 'corsOrigins',
  fleets_open_max: 'fleetsOpenMax',
  fleet_idle_seconds: 'fleetIdleMs',
}

/**
 * Parses a settings file over the defaults, or returns the problem in one line that names the field. An unknown name is
 * refused: a misspelt limit must not be no limit.
 */
export function readSettings(text: string): Settings | string {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return `it is not valid JSON: ${error instanceof Error ? error.message : String(error)}`
  }
  if (!isObject(json)) return 'it must be a JSON object'
  const read = checkValue(SettingsFile, json)
  if ('problems' in read) return problemText(read.problems)
  const { $schema: _, ...output } = read.output
  const given = Object.entries(output).map(([name, value]) => [
    NAMES[name as keyof typeof NAMES],
    name.includes('_seconds') ? Math.round(Number(value) * 1000) : value,
  ])
  const settings: Settings = { ...DEFAULTS, ...Object.fromEntries(given) }
  if (settings.leaseMs <= settings.heartbeatMs) return 'lease_seconds must be longer than heartbeat_seconds'
  if (settings.backoffMsMax < settings.backoffMs) return 'backoff_seconds_max must not be less than backoff_seconds'
  return settings
}
