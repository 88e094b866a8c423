import { type Running, startOn } from './start.ts'
import { defaultOptions, type Options } from './options.ts'
import type { RobotProcess } from './reference.ts'

export type { Running } from './start.ts'
export type { Options } from './options.ts'
export { Problem } from './problem.ts'

/** The reference robot is run as this process is run. */
export const NODE_ROBOT: RobotProcess = { args: () => process.execArgv, env: process.env }

/**
 * Starts the orchestrator, with the defaults of the command for what is left out; the environment is not read. Throws
 * `Problem` for what the operator can put right. `failed` is told when it cannot go on: nothing it does is kept then.
 */
export function start(given: Partial<Options> = {}, failed?: (error: unknown) => void): Promise<Running> {
  return startOn(NODE_ROBOT, { ...defaultOptions(), ...given }, failed)
}
