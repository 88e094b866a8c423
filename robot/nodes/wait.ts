import { setTimeout } from 'node:timers/promises'
import { type NodeRunner, numberInput } from './node.ts'

/** The longest timer, 24 days. */
const SECONDS_MAX = 2_147_483

/** Waits for `duration` seconds (1), or until the job is stopped. */
export const wait: NodeRunner = async (call) => {
  const seconds = numberInput(call, 'duration', numberInput(call, 'seconds', 1))
  if (seconds < 0 || seconds > SECONDS_MAX) throw new RangeError(`duration must be from 0 to ${SECONDS_MAX} seconds`)
  await setTimeout(seconds * 1_000, undefined, { signal: call.job.signal })
  return {}
}
