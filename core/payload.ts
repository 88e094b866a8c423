import { FunctionExpressionType, JSONPathEnvironment, JSONPointer } from 'json-p3'
import type { JsonText } from './ids.ts'
import { type Pattern, patternOf } from './pattern.ts'
import { type Json, JSON_DEPTH_MAX, type JsonObject, toText } from './protocol/json.ts'
import { isRefusal, type Refusal, refuse } from './protocol/refusal.ts'

/**
 * What triggers read out of their events: whether one is for them at all, and which of its values become parameters.
 * Paths are JSONPath (RFC 9535), or JSON pointers (RFC 6901) where they begin with a slash.
 */

/** Parameters by their names, and where in the event their values are. */
export type Mapping = Readonly<Record<string, string>>

/** What a trigger has been told about its events. */
export interface Selection {
  /** A logical expression of RFC 9535, `@` being the event; null: every event will do. */
  readonly filter: string | null
  /** null: the payload is the parameters. */
  readonly mapping: Mapping | null
}

/** What is wrong with a filter or a mapping, naming the field; null when it can be read. */
export function problemWith({ filter, mapping }: Selection): Refusal | null {
  const wrong = filter === null ? null : readFilter(filter)
  if (isRefusal(wrong)) return wrong
  for (const [name, path] of Object.entries(mapping ?? {})) {
    const read = readPath(path, `mapping.${name}`)
    if (isRefusal(read)) return read
  }
  return null
}

/** Whether an event is for a trigger with this filter. One that cannot be read lets nothing pass. */
export function passes(filter: string, event: JsonObject): boolean {
  const read = known(filter, readFilter)
  return !isRefusal(read) && read(event)
}

/**
 * What a job gets of an event: its whole payload, or what the mapping picks, over the trigger's own. What a path does
 * not find is left as it was; a path that may find many gives a list.
 */
export function parametersOf(own: JsonText, mapping: Mapping | null, event: JsonObject): JsonText {
  const picked = mapping === null ? event['payload'] as JsonObject : Object.fromEntries(
    Object.entries(mapping).flatMap(([name, path]) => {
      const read = known(path, readPath)
      const value = isRefusal(read) ? undefined : read(event)
      return value === undefined ? [] : [[name, value]]
    }),
  )
  return toText(own === '{}' ? picked : { ...JSON.parse(own) as JsonObject, ...picked })
}

const CHARS_MAX = 2_000

type Read<T> = (event: JsonObject) => T

function readFilter(text: string): Read<boolean> | Refusal {
  const wrong = (why: string): Refusal => refuse('INVALID_PAYLOAD', `filter ${why}`, { field: 'filter' })
  if (text.length > CHARS_MAX) return wrong(`must not exceed ${CHARS_MAX} characters`)
  try {
    const query = PATHS.compile(`$[?${text}]`)
    return (event) => attempt(() => query.query([event] as never).length > 0, false)
  } catch (error) {
    return wrong(`is no filter of RFC 9535: ${wordsOf(error)}`)
  }
}

function readPath(path: string, field: string): Read<Json | undefined> | Refusal {
  const wrong = (why: string): Refusal => refuse('INVALID_PAYLOAD', `${field} ${why}`, { field })
  if (path.length > CHARS_MAX) return wrong(`must not exceed ${CHARS_MAX} characters`)
  try {
    if (path === '' || path.startsWith('/')) {
      const pointer = new JSONPointer(path)
      return (event) => attempt(() => pointer.resolve(event as never) as Json, undefined)
    }
    const query = PATHS.compile(path)
    const single = query.singularQuery()
    return (event) => {
      const values = attempt(() => query.query(event as never).values() as Json[], [])
      return single ? values[0] : values
    }
  } catch (error) {
    return wrong(`is neither a JSONPath that begins with $ nor a JSON pointer that begins with /: ${wordsOf(error)}`)
  }
}

/** What is not there, and whatever else a path may come upon in a stranger's event, must not fail a turn. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}

/** Where it stopped reading stands in brackets, and counts what we have put before it. */
function wordsOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/ \('.*$/s, '')
}

const reads = new Map<string, unknown>()
const READS_MAX = 10_000

/** Reading takes longer than using, and a trigger's paths stay the same. */
function known<T>(text: string, read: (text: string, field: string) => Read<T> | Refusal): Read<T> | Refusal {
  const key = `${read.name} ${text}`
  const before = reads.get(key) as Read<T> | Refusal | undefined
  if (before !== undefined) return before
  if (reads.size >= READS_MAX) reads.clear()
  const made = read(text, '')
  reads.set(key, made)
  return made
}

/** `match` and `search` of RFC 9535, by a regular expression that cannot be made to run for minutes. */
function matching(whole: boolean) {
  const patterns = new Map<string, Pattern | Refusal>()
  const { ValueType, LogicalType } = FunctionExpressionType
  return {
    argTypes: [ValueType, ValueType],
    returnType: LogicalType,
    call(text: unknown, pattern: unknown): boolean {
      if (typeof text !== 'string' || typeof pattern !== 'string') return false
      let read = patterns.get(pattern)
      if (read === undefined) {
        if (patterns.size >= READS_MAX) patterns.clear()
        patterns.set(pattern, read = patternOf(pattern, 'filter'))
      }
      if (isRefusal(read)) return false
      return whole ? read.matches(text) : read.find(text)
    },
  }
}

/** Events are the deepest there may be, in a member of the event, in a list of one. */
const PATHS = new JSONPathEnvironment({ maxRecursionDepth: JSON_DEPTH_MAX + 10 })
PATHS.functionRegister.set('match', matching(true))
PATHS.functionRegister.set('search', matching(false))
