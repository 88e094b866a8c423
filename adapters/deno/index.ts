import { defaultOptions, type Options } from '../node/options.ts'
import type { RobotProcess } from '../node/reference.ts'
import { type Running, startOn } from '../node/start.ts'

export type { Running } from '../node/start.ts'
export type { Options } from '../node/options.ts'
export { Problem } from '../node/problem.ts'

/** The environment variables that the robot reads: its own settings, and those of the WebSocket library. */
const ROBOT_ENV = 'CASARE_*,WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE'

/** The reference robot may connect to any host, and access its own folders only. */
export const DENO_ROBOT: RobotProcess = {
  args: (folders) => [
    'run',
    '--no-prompt',
    '--allow-net',
    `--allow-env=${ROBOT_ENV}`,
    '--allow-sys=cpus,systemMemoryInfo',
    `--allow-read=${folders.join()}`,
    `--allow-write=${folders.join()}`,
  ],
  // Passes no variable on: listing them would need permission to read every one.
  env: {},
}

/** The same as `start` of `casare-orchestrator/node`, on Deno. */
export function start(given: Partial<Options> = {}, failed?: (error: unknown) => void): Promise<Running> {
  return startOn(DENO_ROBOT, { ...defaultOptions(), ...given }, failed)
}
