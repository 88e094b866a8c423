import { parseExact } from '../../core/base/exact.ts'
import { booleanInput, type NodeRunner, numberInput, setResult, textInput } from './node.ts'

/**
 * Calls another workflow by its alias, with `parameters`, and waits for its end, unless `wait` is false. `timeout` is in
 * seconds; 0 waits as long as this job may run. A called job that does not complete fails the node.
 */
export const callWorkflowNode: NodeRunner = async (call) => {
  const alias = textInput(call, 'alias', '')
  if (alias === '') throw new TypeError('alias is required')
  const seconds = numberInput(call, 'timeout', 0)
  const { jobId, resultText } = await call.job.call(alias, parametersOf(call.input('parameters')), {
    wait: booleanInput(call, 'wait', true),
    timeoutMs: seconds > 0 ? seconds * 1_000 : undefined,
  })
  const result = parseExact(resultText)
  setResult(call, result)
  return { outputs: { result, job_id: jobId, success: true, error: '' } }
}

/** An object, or the JSON text of one. */
function parametersOf(input: unknown): Readonly<Record<string, unknown>> {
  const value: unknown = typeof input === 'string' && input !== '' ? parseExact(input) : input ?? {}
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  if (value === '') return {}
  throw new TypeError('parameters must be an object')
}
