import { calculate, isNumeric, wholeIn } from '../arithmetic.ts'
import { convert } from '../variables.ts'
import type { NodeCall, NodeRunner } from './node.ts'
import { numberInput } from './node.ts'

/** Sets a variable to `value`, or else to `default_value`, converted to `variable_type` if given. */
export const setVariable: NodeRunner = (call) => {
  const name = nameOf(call)
  const type = call.raw('variable_type')
  const input = call.input('value') ?? call.input('default_value') ?? null
  const value = convert(name, input, typeof type === 'string' ? type : null)
  call.variables.set(name, value)
  return { outputs: { value } }
}

export const getVariable: NodeRunner = (call) => ({
  outputs: { value: call.variables.get(nameOf(call)) ?? call.input('default_value') ?? null },
})

/** Adds `increment` (1) to a number. A variable that is not set counts as 0. */
export const incrementVariable: NodeRunner = (call) => {
  const name = nameOf(call)
  const set = call.variables.get(name) ?? 0
  const before = typeof set === 'string' ? wholeIn(set) ?? Number(set) : set
  if (!isNumeric(before) || Number.isNaN(before)) throw new TypeError(`${name} is not a number`)
  const value = calculate('+', before, numberInput(call, 'increment', 1))
  call.variables.set(name, value)
  return { outputs: { value } }
}

function nameOf(call: NodeCall): string {
  const name = call.input('variable_name')
  if (typeof name !== 'string' || name === '') throw new TypeError('variable_name is required')
  return name
}
