import { defaultOptions, type Options } from '../node/options.ts'
import type { RobotProcess } from '../node/reference.ts'
import { type Running, startOn } from '../node/start.ts'

export type { Running } from '../node/start.ts'
export type { Options } from '../node/options.ts'
export { Problem } from '../node/problem.ts'

/** What the robot reads of its environment: its own settings, and what the WebSocket library asks for. */
const ROBOT_ENV = 'CASARE_*,WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE'

/** The reference robot reaches any host, and of the disk its own folders. */
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
  // All of ours could not be read without leave to read everybody's.
  env: {},
}

/** As `start` of `casare-orchestrator/node`, on Deno. */
export function start(given: Partial<Options> = {}, failed?: (error: unknown) => void): Promise<Running> {
  return startOn(DENO_ROBOT, { ...defaultOptions(), ...given }, failed)
}
