import { Budget, BudgetExceeded, PICKED_CHARS_MAX, STEPS_MAX } from './budget.ts'
import type { JsonText } from '../base/ids.ts'
import { conditionOf, pathOf, pointerOf } from './json-path.ts'
import { fromText, type Json, type JsonObject, toText } from '../base/json.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import type { Mapping, Selection } from '../records/trigger.ts'

/**
 * Selection from events: whether one passes the trigger's filter, and which of its values become parameters. Paths are
 * JSONPath (RFC 9535), or JSON pointers (RFC 6901) if they begin with a slash. Events are in their original notation
 * (`Parsed.written`): selected values keep their digits, and numbers are compared exactly.
 */

/** The problem with a filter or a mapping, naming the field; null if it is valid. */
export function selectionProblem({ filter, mapping }: Selection): Refusal | null {
  const wrong = filter === null ? null : readFilter(filter)
  if (isRefusal(wrong)) return wrong
  for (const [name, path] of Object.entries(mapping ?? {})) {
    const read = readPath(path, `mapping.${name}`)
    if (isRefusal(read)) return read
  }
  return null
}

/**
 * True if an event passes the filter. An invalid filter passes nothing. PAYLOAD_TOO_LARGE if the evaluation would cost
 * more than an event may.
 */
export function passesFilter(filter: string, event: JsonObject, budget = new Budget()): boolean | Refusal {
  const read = cachedRead(filter, readFilter)
  return within('filter', () => !isRefusal(read) && read(event, budget))
}

/**
 * The parameters of a job from an event: its whole payload, or the values that the mapping selects, over the trigger's
 * own. A path that finds nothing changes nothing; one that can find many gives a list. PAYLOAD_TOO_LARGE if the
 * evaluation would cost more than an event may, or selects more than fits into a message to a robot.
 */
export function parametersOf(
  own: JsonText,
  mapping: Mapping | null,
  event: JsonObject,
  budget = new Budget(),
): JsonText | Refusal {
  if (mapping === null) {
    const payload = event['payload'] as JsonObject
    return toText(own === '{}' ? payload : { ...fromText(own) as JsonObject, ...payload })
  }
  const texts = new Map<string, string>()
  for (const [name, value] of Object.entries(fromText(own) as JsonObject)) texts.set(name, toText(value))
  for (const [name, path] of Object.entries(mapping)) {
    const read = cachedRead(path, readPath)
    const text = isRefusal(read) ? undefined : within(`mapping.${name}`, () => read(event, budget))
    if (isRefusal(text)) return text
    if (text !== undefined) texts.set(name, text)
  }
  return `{${[...texts].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}` as JsonText
}

/**
 * Returns a refusal if the evaluation exceeds its budget. It changes nothing, so any other error concerns this event
 * alone.
 */
function within<T>(field: string, look: () => T): T | Refusal {
  try {
    return look()
  } catch (error) {
    if (!(error instanceof BudgetExceeded)) {
      return refuse('INVALID_PAYLOAD', `${field} cannot be followed in this event: ${reasonText(error)}`, {
        fields: [field],
      })
    }
    return error.of === 'steps'
      ? refuse('PAYLOAD_TOO_LARGE', `${field} looks at more than ${STEPS_MAX} values of this event`, {
        fields: [field],
        max_steps: STEPS_MAX,
      })
      : refuse(
        'PAYLOAD_TOO_LARGE',
        `${field} picks more out of this event than the ${PICKED_CHARS_MAX} characters that may be`,
        {
          fields: [field],
          max_chars: PICKED_CHARS_MAX,
        },
      )
  }
}

const CHARS_MAX = 2_000

type Read<T> = (event: JsonObject, budget: Budget) => T

function readFilter(text: string): Read<boolean> | Refusal {
  const wrong = (why: string): Refusal => refuse('INVALID_PAYLOAD', `filter ${why}`, { fields: ['filter'] })
  if (text.length > CHARS_MAX) return wrong(`must not exceed ${CHARS_MAX} characters`)
  try {
    return conditionOf(text)
  } catch (error) {
    return wrong(`is not a filter of RFC 9535: ${reasonText(error)}`)
  }
}

/** The first value that a path selects, as text; undefined if there is none. */
function readPath(path: string, field: string): Read<string | undefined> | Refusal {
  const wrong = (why: string): Refusal => refuse('INVALID_PAYLOAD', `${field} ${why}`, { fields: [field] })
  if (path.length > CHARS_MAX) return wrong(`must not exceed ${CHARS_MAX} characters`)
  try {
    const { single, find } = path === '' || path.startsWith('/') ? pointerOf(path) : pathOf(path)
    return (event, budget) => {
      const texts = find(event, budget).map((value) => picked(value, budget))
      return single ? texts[0] : `[${texts.join(',')}]`
    }
  } catch (error) {
    return wrong(`is neither a JSONPath that begins with $ nor a JSON pointer that begins with /: ${reasonText(error)}`)
  }
}

function picked(value: Json, budget: Budget): string {
  const text = toText(value)
  budget.pick(text.length + 1)
  return text
}

/** The parser's message without the position in parentheses, which counts the characters that we have prepended. */
function reasonText(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/ \('.*$/s, '')
}

const reads = new Map<string, unknown>()
const READS_MAX = 10_000

/** Reading takes longer than using, and a trigger's paths stay the same. */
function cachedRead<T>(text: string, read: (text: string, field: string) => Read<T> | Refusal): Read<T> | Refusal {
  const key = `${read.name} ${text}`
  const before = reads.get(key) as Read<T> | Refusal | undefined
  if (before !== undefined) return before
  if (reads.size >= READS_MAX) reads.clear()
  const made = read(text, '')
  reads.set(key, made)
  return made
}
