import { isExact } from '../../core/base/exact.ts'
import { isTruthy } from '../expression.ts'
import { conditionOf } from './condition.ts'
import { type LoopState, type NodeCall, type NodeReturn, type NodeRunner, numberInput, textInput } from './node.ts'

/** The most items of one loop. */
const ITEMS_MAX = 1_000_000

/**
 * Runs what is connected to `body` once for each item of a list, each value of an object, each character of a text,
 * or each number of a range; then goes on at `completed`.
 */
export const forLoop: NodeRunner = (call) => {
  const { items, keys, index } = call.loop ?? { ...collectionOf(call), index: 0 }
  if (index >= items.length) return { outputs: { iterations: items.length }, next: 'completed' }
  const item = items[index] ?? null
  const key = keys?.[index] ?? null
  const name = textInput(call, 'item_var', textInput(call, 'item_variable', 'item'))
  call.variables.set(name, item)
  call.variables.set(`${name}_index`, index)
  if (key !== null) call.variables.set(`${name}_key`, key)
  return {
    outputs: { current_item: item, current_index: index, current_key: key },
    next: 'body',
    loop: { items, keys, index: index + 1 },
  }
}

/** Runs its body for as long as its condition holds, at most `max_iterations` (1000) times. */
export const whileLoop: NodeRunner = (call) => {
  const index = call.loop?.index ?? 0
  const most = numberInput(call, 'max_iterations', 1_000)
  if (index >= most) call.job.log('WARNING', `The loop was left after ${most} iterations`, { nodeId: call.id })
  if (index >= most || !isTruthy(conditionOf(call))) return { outputs: { iterations: index }, next: 'completed' }
  return { outputs: { current_iteration: index }, next: 'body', loop: { items: [], keys: null, index: index + 1 } }
}

/** The end of a loop's body, and the node that skips the rest of it. */
export const loopEnd: NodeRunner = (call) => backTo(call, false)

export const breakLoop: NodeRunner = (call) => backTo(call, true)

/** Without a paired loop, the innermost one is meant. */
function backTo(call: NodeCall, leave: boolean): NodeReturn {
  const to = textInput(call, 'paired_start_id', textInput(call, 'paired_loop_start_id', ''))
  return { next: null, back: { to, leave } }
}

function collectionOf(call: NodeCall): Pick<LoopState, 'items' | 'keys'> {
  const mode = textInput(call, 'mode', 'items')
  const variable = textInput(call, 'list_var', '')
  const input = call.input('items') ?? (variable === '' ? undefined : call.variables.get(variable))
  if (mode === 'range' || input === undefined || input === null) return { items: rangeOf(call), keys: null }
  if (typeof input === 'string') return { items: [...input], keys: null }
  if (Array.isArray(input)) return { items: input, keys: null }
  if (typeof input === 'object' && !isExact(input)) return { items: Object.values(input), keys: Object.keys(input) }
  return { items: [input], keys: null }
}

function rangeOf(call: NodeCall): readonly number[] {
  const start = numberInput(call, 'start', 0)
  const end = numberInput(call, 'end', 10)
  const step = numberInput(call, 'step', 1)
  if (step === 0) throw new RangeError('step must not be 0')
  const length = Math.max(0, Math.ceil((end - start) / step))
  if (length > ITEMS_MAX) throw new RangeError(`a loop may have at most ${ITEMS_MAX} items`)
  return Array.from({ length }, (_, index) => start + index * step)
}
