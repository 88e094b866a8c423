import * as v from 'valibot'
import { DEFAULTS, type Settings, STRATEGY_NAMES } from '../../core/settings.ts'
import { checkValue, problemText } from '../../core/protocol/problems.ts'
import { stringifyExact } from '../../core/base/exact.ts'
import { isObject, parseJson } from '../../core/base/json.ts'
import { unknownName } from '../../core/base/suggest.ts'
import { isRefusal, refuse } from '../../core/base/refusal.ts'
import type { NewKey } from '../../core/api/keys.ts'
import type { NewRobot } from '../../core/api/robots.ts'
import type { Submission } from '../../core/api/jobs.ts'
import type { Platform } from '../fleet/fleet.ts'
import { validate } from '../http/kit/request.ts'
import { type Camel, camelName, snakeName } from './names.ts'
import { RefusedError, unwrap } from './errors.ts'

/** Options of an engine, all optional. */
export interface EngineOptions {
  /** The strategy to choose among suitable robots; default `least_loaded`. */
  readonly loadBalancing?: Settings['strategy']
  /** The timeout of a job that has none of its own, in seconds; default 3600. */
  readonly defaultJobTimeout?: number
  /** The folder of the database. Without it everything is in memory, and lost when the engine stops. */
  readonly data?: string
  /** Instead of a folder: the URL of a libSQL server, without a token in it. */
  readonly database?: string
  /** The token for the server, if it needs one. */
  readonly databaseToken?: string
  /** `full`: an answered request survives a power cut. `relaxed`: faster; a power cut may lose the last second. */
  readonly durability?: 'full' | 'relaxed'
  /** `key`: robots need a key made with `createKey`. `open`: any robot may connect; for a lab. */
  readonly robotsAuth?: 'key' | 'open'
  /** The name in `createdBy` and in the history for this engine's actions; default `engine`. */
  readonly actor?: string
  /** Receives log lines. Default: JSON on stderr. */
  readonly log?: Platform['log']
  /** @deprecated Options of the Python engine that have no effect here: each is accepted, and the log says so. */
  readonly dispatchInterval?: unknown
  /** @deprecated */
  readonly timeoutCheckInterval?: unknown
  /** @deprecated */
  readonly triggerWebhookPort?: unknown
  /** @deprecated */
  readonly service?: unknown
}

/** The address to listen at. */
export interface Address {
  /** Default `127.0.0.1`; `0.0.0.0` for every interface. */
  readonly host?: string | undefined
  /** 0 for any free port. */
  readonly port?: number | undefined
}

/** Options of the Python engine without effect here, and the reason for each. */
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
    /** An instant in the future at which the job becomes ready. Text is ISO 8601 with `Z` or an offset. */
    readonly scheduledTime?: Date | string | null | undefined
    readonly params?: Readonly<Record<string, unknown>> | undefined
    /** Submitting again with the same key within 24 hours returns the first job. */
    readonly idempotencyKey?: string | undefined
  }

/** A robot to register: the fields of `POST /api/v1/robots`, `robotId` for its `id`. */
export type NewRobotRecord = Optional<Camel<Omit<v.InferInput<typeof NewRobot>, 'id' | 'capabilities'>>> & {
  readonly robotId?: string | undefined
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined
}

/** A key to create: the fields of `POST /api/v1/keys`. */
export type NewApiKey = Optional<Camel<v.InferInput<typeof NewKey>>>

/** Optional fields may also be given as undefined. */
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

/** Messages about options that are accepted without effect. */
export function ignoredOptions(options: ResolvedOptions): readonly string[] {
  return Object.entries(IGNORED).filter(([name]) => options[name as keyof typeof IGNORED] !== undefined)
    .map(([name, instead]) => `${name} is taken and does nothing: ${instead}`)
}

/** Fills in the defaults. Throws a `TypeError` that names the invalid option. */
export function resolveOptions(options: EngineOptions): ResolvedOptions {
  const read = checkValue(Options, options)
  if ('problems' in read) throw new TypeError(problemText(read.problems))
  if (read.output.data !== undefined && read.output.database !== undefined) {
    throw new TypeError('data and database cannot be given both: the database is in a folder, or on a server')
  }
  return read.output
}

/**
 * Validates a caller's input as the HTTP API would: with the same schema, and converted to JSON, so that a robot gets
 * what is stored. `special` maps fields whose name in the API differs.
 */
export function readInput<const S extends v.GenericSchema>(
  given: object,
  schema: S,
  special: Readonly<Record<string, string>> = {},
): v.InferOutput<S> {
  const body: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    const field = Object.hasOwn(special, name) ? special[name] ?? name : snakeName(name)
    // The API's own name would otherwise be a second way to give the same field.
    if (name.includes('_') || Object.values(special).includes(name)) {
      const known = 'entries' in schema ? Object.keys(schema.entries as object).map(camelName) : []
      throw new RefusedError('INVALID_PAYLOAD', unknownName('field', name, known), { fields: [name] })
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

/** Returns the value if it is an object. For callers without types. */
export function requireObject(given: unknown): object {
  return isObject(given) ? given : unwrap(refuse('INVALID_PAYLOAD', 'An object with fields is expected'))
}
