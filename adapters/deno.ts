import { main } from './main.ts'

/** The orchestrator on Deno: `deno task start`. */

/** What the robot reads of its environment: its own settings, and what the WebSocket library asks for. */
const ROBOT_ENV = 'CASARE_*,WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE'

main({
  command: 'deno task start',
  robot: {
    // Workflows reach any host, and of the disk the robot's own folder.
    args: (files) => [
      'run',
      '--no-prompt',
      '--allow-net',
      `--allow-env=${ROBOT_ENV}`,
      '--allow-sys=cpus,systemMemoryInfo',
      `--allow-read=${files}`,
      `--allow-write=${files}`,
    ],
    // All of ours could not be read without leave to read everybody's.
    env: {},
  },
})
