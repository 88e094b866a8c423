import {
  FunctionExpressionType,
  jsonpath,
  JSONPathEnvironment,
  type JSONPathQuery,
  JSONPointer,
  Nothing,
} from 'json-p3'
import type { JsonText } from './ids.ts'
import { type Pattern, patternOf } from './pattern.ts'
import {
  fromText,
  isObject,
  type Json,
  JSON_DEPTH_MAX,
  type JsonObject,
  numberAs,
  tokenOf,
  toText,
} from './protocol/json.ts'
import { canonicalNumber, compareNumbers, isKept } from './protocol/number.ts'
import { isRefusal, type Refusal, refuse } from './protocol/refusal.ts'

/**
 * What triggers read out of their events: whether one is for them at all, and which of its values become parameters.
 * Paths are JSONPath (RFC 9535), or JSON pointers (RFC 6901) where they begin with a slash.
 *
 * Events are as they were written (`Parsed.written`): what is picked keeps its digits, and numbers are compared exactly.
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
  return toText(own === '{}' ? picked : { ...fromText(own) as JsonObject, ...picked })
}

const CHARS_MAX = 2_000

type Read<T> = (event: JsonObject) => T

function readFilter(text: string): Read<boolean> | Refusal {
  const wrong = (why: string): Refusal => refuse('INVALID_PAYLOAD', `filter ${why}`, { field: 'filter' })
  if (text.length > CHARS_MAX) return wrong(`must not exceed ${CHARS_MAX} characters`)
  try {
    const query = exactly(PATHS.compile(`$[?${text}]`))
    return (event) => attempt(() => query.query([comparable(event)] as never).length > 0, false)
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
    const query = exactly(PATHS.compile(path))
    const single = query.singularQuery()
    return (event) => {
      const nodes = attempt(() => query.query(comparable(event) as never).nodes, [])
      const values = nodes.map(({ location }) => location.reduce<Json | undefined>(member, event) ?? null)
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

function member(of: Json | undefined, key: string | number): Json | undefined {
  return (of as { readonly [key: string | number]: Json })[key]
}

/**
 * The same value, to be compared: numbers that a double has are such, and all others are written in one way for each value.
 * The value itself where that changes nothing, as nearly always.
 */
function comparable(value: Json): Json {
  const token = tokenOf(value)
  if (token !== null) return isKept(token) ? Number(token) : numberAs(canonicalNumber(token))
  if (typeof value !== 'object' || value === null) return value
  let changed = false
  const look = (member: Json): Json => {
    const seen = comparable(member)
    changed ||= seen !== member
    return seen
  }
  const copy = isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, look(member)]))
    : value.map(look)
  return changed ? copy : value
}

const { InfixExpression, LogicalExpression, PrefixExpression, FunctionExtension, FilterQuery, NumberLiteral } =
  jsonpath.expressions
type Expression = InstanceType<typeof jsonpath.expressions.FilterExpression>

/** A query whose comparisons are exact: json-p3 knows of doubles only, and orders nothing else but texts. */
function exactly(query: JSONPathQuery): JSONPathQuery {
  for (const { selectors } of query.segments) {
    for (const selector of selectors) {
      if ('expression' in selector) compareExactly(selector.expression as Expression)
    }
  }
  return query
}

function compareExactly(expression: Expression): void {
  if (expression instanceof LogicalExpression) compareExactly(expression.expression)
  else if (expression instanceof PrefixExpression) compareExactly(expression.right)
  else if (expression instanceof FunctionExtension) { for (const arg of expression.args) compareExactly(arg) }
  else if (expression instanceof FilterQuery) exactly(expression.path)
  else if (expression instanceof NumberLiteral) {
    const written = expression.token.value
    if (!isKept(written)) expression.evaluate = () => numberAs(canonicalNumber(written)) as never
  } else if (expression instanceof InfixExpression) {
    compareExactly(expression.left)
    compareExactly(expression.right)
    if (expression.logical) return
    const inDoubles = expression.evaluate.bind(expression)
    expression.evaluate = (context) => {
      const [left, right] = [expression.left, expression.right].map((side) => alone(side.evaluate(context)))
      if (tokenOf(left) === null && tokenOf(right) === null) return inDoubles(context)
      const [one, other] = [numberText(left), numberText(right)]
      if (one === null || other === null) return expression.operator === '!='
      return ORDER[expression.operator]?.(compareNumbers(one, other)) === true
    }
  }
}

/** The value where a path has found one, and nothing where it has found none. */
function alone(found: unknown): unknown {
  return found instanceof jsonpath.JSONPathNodeList && found.nodes.length === 1 ? found.nodes[0]?.value : found
}

function numberText(value: unknown): string | null {
  return typeof value === 'number' ? String(value) : tokenOf(value)
}

const ORDER: Readonly<Record<string, (order: number) => boolean>> = {
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
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
      if (typeof text !== 'string' || tokenOf(text) !== null || typeof pattern !== 'string') return false
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
const length = PATHS.functionRegister.get('length')
if (length !== undefined) {
  // A number has no length, however it is written.
  PATHS.functionRegister.set('length', {
    ...length,
    call: (value: unknown): unknown => tokenOf(value) === null ? length.call(value) : Nothing,
  })
}
PATHS.functionRegister.set('match', matching(true))
PATHS.functionRegister.set('search', matching(false))
