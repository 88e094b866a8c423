import * as v from 'valibot'
import { DEFAULTS, type Settings, STRATEGY_NAMES } from '../../core/settings.ts'
import { problemsOf } from '../../core/protocol/decode.ts'
import { stringifyExact } from '../../core/base/exact.ts'
import { isObject, parseJson } from '../../core/base/json.ts'
import { isRefusal, refuse } from '../../core/base/refusal.ts'
import type { NewKey, NewRobot } from '../../core/api/request.ts'
import type { Submission } from '../../core/api/jobs.ts'
import type { Platform } from '../fleet/fleet.ts'
import { validate } from '../http/kit/request.ts'
import { type Camel, snakeName } from './names.ts'
import { RefusedError, unwrap } from './errors.ts'

/** How an engine is made. Everything may be left out. */
export interface EngineOptions {
  /** How jobs are spread over the robots that could take them: `least_loaded` unless said otherwise. */
  readonly loadBalancing?: Settings['strategy']
  /** How long a job may run that does not say so itself, in seconds: 3600. */
  readonly defaultJobTimeout?: number
  /** The folder of the database. Without one everything is in memory, and gone when the engine stops. */
  readonly data?: string
  /** Instead of a folder: the URL of a libSQL server, without a token in it. */
  readonly database?: string
  /** The token that the server wants, if it wants one. */
  readonly databaseToken?: string
  /** `full`: what was answered survives a power cut. `relaxed`: faster; a power cut may lose the last second. */
  readonly durability?: 'full' | 'relaxed'
  /** `key`: robots show a key that `createKey` made. `open`: any robot may connect; for a lab. */
  readonly robotsAuth?: 'key' | 'open'
  /** Who stands in `createdBy` and in the history of what this engine does: `engine`. */
  readonly actor?: string
  /** Where log lines go. Without it they are written to stderr, as JSON. */
  readonly log?: Platform['log']
  /** @deprecated Options of the Python engine without a meaning here: each is taken, and the log says so. */
  readonly dispatchInterval?: unknown
  /** @deprecated */
  readonly timeoutCheckInterval?: unknown
  /** @deprecated */
  readonly triggerWebhookPort?: unknown
  /** @deprecated */
  readonly service?: unknown
}

/** The options of the Python engine that mean nothing here, and what there is in their place. */
const IGNORED = {
  dispatchInterval: 'a job is offered the moment it and a robot are there',
  timeoutCheckInterval: 'a job times out the moment its time is up',
  triggerWebhookPort: 'startHttp takes the port',
  service: 'data or database says where everything is kept',
} as const

/** A job to submit: the fields of `POST /api/v1/jobs`, `params` for its `parameters`. */
export type NewJob =
  & Partial<Optional<Camel<Omit<v.InferInput<typeof Submission>, 'parameters' | 'workflow_json' | 'scheduled_time'>>>>
  & {
    /** The definition, as text or as an object, for a job that does not run a published workflow. */
    readonly workflowJson?: string | object | undefined
    /** In the future, the job waits until then. Text is ISO 8601 with `Z` or an offset. */
    readonly scheduledTime?: Date | string | null | undefined
    readonly params?: Readonly<Record<string, unknown>> | undefined
    /** Submitting the same again under the same key gives the first job, for 24 hours. */
    readonly idempotencyKey?: string | undefined
  }

/** A robot to put on record: the fields of `POST /api/v1/robots`, `robotId` for its `id`. */
export type NewRobotRecord = Optional<Camel<Omit<v.InferInput<typeof NewRobot>, 'id' | 'capabilities'>>> & {
  readonly robotId?: string | undefined
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined
}

/** A key to make: the fields of `POST /api/v1/keys`. */
export type NewApiKey = Optional<Camel<v.InferInput<typeof NewKey>>>

/** What may be left out may also be given as undefined. */
export type Optional<T> = { readonly [K in keyof T]: T[K] | (undefined extends T[K] ? undefined : never) }

const Options = v.strictObject({
  loadBalancing: v.optional(v.picklist(STRATEGY_NAMES), DEFAULTS.strategy),
  defaultJobTimeout: v.optional(
    v.pipe(v.number(), v.minValue(1), v.maxValue(31_536_000)),
    DEFAULTS.jobTimeoutMs / 1000,
  ),
  data: v.optional(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
  database: v.optional(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
  databaseToken: v.optional(v.string(), ''),
  durability: v.optional(v.picklist(['full', 'relaxed']), 'full'),
  robotsAuth: v.optional(v.picklist(['key', 'open']), 'key'),
  actor: v.optional(v.pipe(v.string(), v.nonEmpty(), v.maxLength(200)), 'engine'),
  log: v.optional(v.custom<Platform['log']>((given) => typeof given === 'function', 'must be a function')),
  ...v.entriesFromList(Object.keys(IGNORED) as (keyof typeof IGNORED)[], v.optional(v.unknown())),
})

export type ResolvedOptions = v.InferOutput<typeof Options>

/** What there is to say of options that are taken and do nothing. */
export function ignoredOptions(options: ResolvedOptions): readonly string[] {
  return Object.entries(IGNORED).filter(([name]) => options[name as keyof typeof IGNORED] !== undefined)
    .map(([name, instead]) => `${name} is taken and does nothing: ${instead}`)
}

/** The options with every default filled in. Throws a `TypeError` that names what cannot be used. */
export function resolveOptions(options: EngineOptions): ResolvedOptions {
  const parsed = v.safeParse(Options, options)
  if (!parsed.success) throw new TypeError(problemsOf(parsed.issues))
  if (parsed.output.data !== undefined && parsed.output.database !== undefined) {
    throw new TypeError('data and database cannot be given both: the database is in a folder, or on a server')
  }
  return parsed.output
}

/**
 * What a caller gives, as the HTTP API would have taken it: by the same schema, and as JSON, so that what is stored is
 * what a robot gets. `special` names the fields that the API calls otherwise.
 */
export function readInput<const S extends v.GenericSchema>(
  given: object,
  schema: S,
  special: Readonly<Record<string, string>> = {},
): v.InferOutput<S> {
  const body: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    const field = Object.hasOwn(special, name) ? special[name] ?? name : snakeName(name)
    // A name of the API's own would otherwise slip through as a second way to say the same.
    if (name.includes('_') || Object.values(special).includes(name)) {
      throw new RefusedError('INVALID_PAYLOAD', `Unknown field: ${name}`, { fields: [name] })
    }
    if (value instanceof Date && Number.isNaN(value.getTime())) {
      throw new RefusedError('INVALID_PAYLOAD', `${name} must be a valid date`, { fields: [name] })
    }
    body[field] = value
  }
  const json = parseJson(textOf(body))
  if (isRefusal(json)) return unwrap(json)
  return unwrap(validate(json, schema))
}

function textOf(body: object): string {
  try {
    return stringifyExact(body)
  } catch (error) {
    throw new RefusedError('INVALID_PAYLOAD', `It cannot be written as JSON: ${(error as Error).message}`)
  }
}

/** Whether it is an object with fields; for callers without types. */
export function requireObject(given: unknown): object {
  return isObject(given) ? given : unwrap(refuse('INVALID_PAYLOAD', 'An object with fields is expected'))
}
