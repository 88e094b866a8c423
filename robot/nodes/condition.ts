import { isTruthy } from '../expression.ts'
import { textOf } from '../variables.ts'
import { type NodeCall, type NodeRunner, setResult } from './node.ts'

/** Continues at `true` or at `false`. */
export const ifNode: NodeRunner = (call) => {
  const result = isTruthy(conditionOf(call))
  return { outputs: { result }, next: result ? 'true' : 'false' }
}

/** Continues at the `case_…` whose text equals the value, or else at `default`. */
export const switchNode: NodeRunner = (call) => {
  const expression = call.raw('expression')
  const input = call.input('value')
  const value = textOf(
    input ?? (typeof expression === 'string' && expression !== '' ? evaluated(call, expression) : null),
  )
  const cases = call.input('cases')
  const match = Array.isArray(cases) ? cases.map(textOf).find((item) => item === value) : undefined
  return { outputs: { value }, next: match === undefined ? 'default' : `case_${match}` }
}

/** Outputs the value of an expression. */
export const evalExpression: NodeRunner = (call) => {
  const expression = call.raw('expression')
  if (typeof expression !== 'string' || expression === '') throw new TypeError('expression is required')
  const result = evaluated(call, expression)
  setResult(call, result)
  return { outputs: { result, success: true, error: '' } }
}

/** The value connected to `condition`; else the value of the expression in `expression` or `condition`; else false. */
export function conditionOf(call: NodeCall): unknown {
  const connected = call.connected('condition')
  if (connected !== undefined) return connected
  const written = call.raw('expression') || call.raw('condition')
  return typeof written === 'string' && written !== '' ? evaluated(call, written) : written ?? false
}

function evaluated(call: NodeCall, expression: string): unknown {
  return call.variables.evaluate(expression)
}
