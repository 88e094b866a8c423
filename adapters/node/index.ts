import { type Running, startOn } from './start.ts'
import { defaultOptions, type Options } from './options.ts'
import type { RobotProcess } from './reference.ts'

export type { Running } from './start.ts'
export type { Options } from './options.ts'
export { Problem } from './problem.ts'

/** Runs the reference robot with the same flags and environment as this process. */
export const NODE_ROBOT: RobotProcess = { args: () => process.execArgv, env: process.env }

/**
 * Starts the orchestrator, with the command's defaults for missing options; the environment is not read. Throws
 * `Problem` for anything that the operator can correct. `failed` is called when the orchestrator cannot continue: from
 * then on it stores nothing.
 */
export function start(given: Partial<Options> = {}, failed?: (error: unknown) => void): Promise<Running> {
  return startOn(NODE_ROBOT, { ...defaultOptions(), ...given }, failed)
}
