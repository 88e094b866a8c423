import { FunctionExpressionType, jsonpath, JSONPathEnvironment, type JSONPathQuery, JSONPointer } from 'json-p3'
import type { Budget } from './budget.ts'
import { safeRegExp } from '../base/pattern.ts'
import { compare, type Side } from './compare.ts'
import { isObject, type Json, numberAs, tokenOf } from '../base/json.ts'
import { canonicalNumber, fitsDouble } from '../base/number.ts'
import { isRefusal } from '../base/refusal.ts'

/**
 * JSONPath (RFC 9535). json-p3 parses the paths, and this evaluates them, because json-p3 does not bound its work: it
 * visits the same values repeatedly where a path descends twice, and recurses as deep as there are values. Values are
 * in their original notation (`Parsed.written`), and numbers are compared exactly.
 */

/** A path that has been read. */
export interface Path {
  /** It finds one value or none. */
  readonly single: boolean
  /** The values that it selects. Throws `BudgetExceeded` if that costs more than is left. */
  find(value: Json, budget: Budget): readonly Json[]
}

/** Reads a path. Throws, with a sentence, for what is none. */
export function pathOf(text: string): Path {
  const query = read(text)
  return { single: query.singularQuery(), find: (value, budget) => nodesOf(query, value, value, budget) }
}

/** Reads a JSON pointer (RFC 6901). Throws, with a sentence, for what is none. */
export function pointerOf(text: string): Path {
  const pointer = new JSONPointer(text)
  const find = (value: Json, budget: Budget): readonly Json[] => {
    budget.step(pointer.tokens.length)
    return pointer.exists(value as never) ? [pointer.resolve(value as never) as Json] : []
  }
  return { single: true, find }
}

/** Reads a logical expression, in which `@` is the value. Throws, with a sentence, for what is none. */
export function conditionOf(text: string): (value: Json, budget: Budget) => boolean {
  const query = read(`$[?${text}]`)
  return (value, budget) => nodesOf(query, [value], [value], budget).length > 0
}

const { expressions, selectors } = jsonpath
type Expression = InstanceType<typeof expressions.FilterExpression>
type Selector = InstanceType<typeof selectors.FilterSelector> | JSONPathQuery['segments'][number]['selectors'][number]

const PATHS = new JSONPathEnvironment()
/** Its class is not among what json-p3 exports. */
const DESCENDANT = PATHS.compile('$..a').segments[0]?.constructor

const { ValueType, LogicalType } = FunctionExpressionType
for (const name of ['match', 'search']) {
  PATHS.functionRegister.set(name, { argTypes: [ValueType, ValueType], returnType: LogicalType, call: () => false })
}

/** The nesting of brackets and negations in a path: parsing and evaluating them is recursive. */
const NESTED_MAX = 40

function read(text: string): JSONPathQuery {
  if (nesting(text) > NESTED_MAX) throw new Error(`brackets and negations are nested deeper than ${NESTED_MAX} levels`)
  const query = PATHS.compile(text)
  for (const expression of expressionsIn(query)) {
    if (
      expression instanceof expressions.FunctionExtension &&
      (expression.name === 'match' || expression.name === 'search')
    ) {
      const [, pattern] = expression.args
      if (!(pattern instanceof expressions.StringLiteral)) {
        throw new Error(`the pattern of ${expression.name}() must be a text in quotes`)
      }
    }
  }
  return query
}

/** The depth of their nesting, ignoring text in quotes. */
function nesting(text: string): number {
  let [depth, deepest, negations, quote] = [0, 0, 0, '']
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i)
    if (quote !== '') {
      if (char === '\\') i++
      else if (char === quote) quote = ''
      continue
    }
    if (char === '"' || char === "'") quote = char
    if (char === '(' || char === '[') depth++
    if (char === ')' || char === ']') depth--
    negations = char === '!' ? negations + 1 : char === ' ' ? negations : 0
    deepest = Math.max(deepest, depth, negations)
  }
  return deepest
}

function expressionsIn(query: JSONPathQuery): Expression[] {
  const within = (expression: Expression): Expression[] => {
    if (expression instanceof expressions.LogicalExpression) return within(expression.expression)
    if (expression instanceof expressions.PrefixExpression) return within(expression.right)
    if (expression instanceof expressions.InfixExpression) {
      return [...within(expression.left), ...within(expression.right)]
    }
    if (expression instanceof expressions.FunctionExtension) return [expression, ...expression.args.flatMap(within)]
    return expression instanceof expressions.FilterQuery ? expressionsIn(expression.path) : []
  }
  return query.segments.flatMap((segment) => segment.selectors).flatMap((selector) =>
    'expression' in selector ? within(selector.expression as Expression) : []
  )
}

function nodesOf({ segments }: JSONPathQuery, start: Json, root: Json, budget: Budget): readonly Json[] {
  let nodes: Json[] = [start]
  for (const segment of segments) {
    const next: Json[] = []
    const from = DESCENDANT !== undefined && segment instanceof DESCENDANT ? descendants(nodes, budget) : nodes
    for (const node of from) {
      for (const selector of segment.selectors) select(selector, node, root, next, budget)
    }
    nodes = next
  }
  return nodes
}

/** The values, and all that is in them, each before what is in it. */
function descendants(nodes: readonly Json[], budget: Budget): Json[] {
  const all: Json[] = []
  const visit = (node: Json): void => {
    budget.step(1 - SELECT_STEPS)
    all.push(node)
    for (const child of childrenOf(node)) visit(child)
  }
  for (const node of nodes) visit(node)
  return all
}

function childrenOf(value: Json): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[]
  return isObject(value) ? Object.values(value) : NONE
}

const NONE: readonly Json[] = []

/** To look whether a value has what is selected takes less than to come to it. */
const SELECT_STEPS = 0.25

function select(selector: Selector, value: Json, root: Json, found: Json[], budget: Budget): void {
  budget.step(SELECT_STEPS)
  if (selector instanceof selectors.NameSelector) {
    if (isObject(value) && Object.hasOwn(value, selector.name)) found.push(value[selector.name] as Json)
  } else if (selector instanceof selectors.IndexSelector) {
    const item = Array.isArray(value) ? (value as readonly Json[]).at(selector.index) : undefined
    if (item !== undefined) found.push(item)
  } else if (selector instanceof selectors.SliceSelector) {
    if (Array.isArray(value)) slice(value as readonly Json[], selector, found, budget)
  } else if (selector instanceof selectors.WildcardSelector) {
    for (const child of childrenOf(value)) {
      budget.step()
      found.push(child)
    }
  } else if (selector instanceof selectors.FilterSelector) {
    for (const child of childrenOf(value)) {
      budget.step()
      if (holds(selector.expression, child, root, budget)) found.push(child)
    }
  }
}

function slice(
  list: readonly Json[],
  { start, stop, step = 1 }: InstanceType<typeof selectors.SliceSelector>,
  found: Json[],
  budget: Budget,
): void {
  if (step === 0) return
  const [low, high] = step > 0 ? [0, list.length] : [-1, list.length - 1]
  const indexOf = (given: number | undefined, otherwise: number): number =>
    given === undefined ? otherwise : Math.min(high, Math.max(low, given < 0 ? given + list.length : given))
  const to = indexOf(stop, step > 0 ? high : low)
  for (let at = indexOf(start, step > 0 ? low : high); step > 0 ? at < to : at > to; at += step) {
    budget.step()
    found.push(list[at] as Json)
  }
}

/** The values that a query has found: unlike one value that is a list. */
class NodeList {
  readonly nodes: readonly Json[]

  constructor(nodes: readonly Json[]) {
    this.nodes = nodes
  }
}

/** Undefined is what a query that finds nothing stands for. */
type Value = Side | NodeList

function holds(expression: Expression, current: Json, root: Json, budget: Budget): boolean {
  const value = evaluate(expression, current, root, budget)
  return value instanceof NodeList ? value.nodes.length > 0 : value !== false
}

function evaluate(expression: Expression, current: Json, root: Json, budget: Budget): Value {
  budget.step()
  if (expression instanceof expressions.LogicalExpression) return holds(expression.expression, current, root, budget)
  if (expression instanceof expressions.PrefixExpression) return !holds(expression.right, current, root, budget)
  if (expression instanceof expressions.NullLiteral) return null
  if (expression instanceof expressions.NumberLiteral) return numberIn(expression)
  if (expression instanceof expressions.StringLiteral || expression instanceof expressions.BooleanLiteral) {
    return expression.value
  }
  if (expression instanceof expressions.RelativeQuery) {
    return new NodeList(nodesOf(expression.path, current, root, budget))
  }
  if (expression instanceof expressions.RootQuery) return new NodeList(nodesOf(expression.path, root, root, budget))
  if (expression instanceof expressions.FunctionExtension) {
    const [one, other] = expression.args.map((arg) => evaluate(arg, current, root, budget))
    return call(expression.name, one, other, budget)
  }
  if (!(expression instanceof expressions.InfixExpression)) return undefined
  const { left, operator, right } = expression
  if (operator === '&&') return holds(left, current, root, budget) && holds(right, current, root, budget)
  if (operator === '||') return holds(left, current, root, budget) || holds(right, current, root, budget)
  const one = alone(evaluate(left, current, root, budget))
  const other = alone(evaluate(right, current, root, budget))
  return compare(one, operator, other, budget)
}

const numbers = new WeakMap<Expression, Json>()

/** A number as it was written, where no double has it. */
function numberIn(literal: InstanceType<typeof expressions.NumberLiteral>): Json {
  let number = numbers.get(literal)
  if (number === undefined) {
    const written = literal.token.value
    numbers.set(literal, number = fitsDouble(written) ? literal.value : numberAs(canonicalNumber(written)))
  }
  return number
}

/** The value where a path has found one, and nothing where it has found none, or many. */
function alone(value: Value): Side {
  if (!(value instanceof NodeList)) return value
  return value.nodes.length === 1 ? value.nodes[0] as Json : undefined
}

function call(name: string, one: Value, other: Value, budget: Budget): Value {
  if (name === 'count') return one instanceof NodeList ? one.nodes.length : undefined
  const value = alone(one)
  if (name === 'value') return value
  if (value === undefined) return name === 'length' ? undefined : false
  // A number has no length, however it is written, and no letters.
  const text = typeof value === 'string' && tokenOf(value) === null ? value : null
  if (name === 'length') {
    if (text !== null) return text.length
    const children = childrenOf(value as Json)
    budget.step(children.length / 8)
    return typeof value === 'object' && value !== null ? children.length : undefined
  }
  const pattern = text === null || typeof other !== 'string' ? null : safeRegExp(other, 'filter')
  if (text === null || pattern === null || isRefusal(pattern)) return false
  budget.step(text.length * (1 + (pattern.size / 32) ** 2) / 4)
  return name === 'match' ? pattern.matches(text) : pattern.find(text)
}
