import { Program } from '../../process/program.ts'
import type { Running, Target } from '../target.ts'
import { flagsOf, serverIn } from './process.ts'

/** What `deno task` itself writes to stderr: the line that it runs. */
const TASK = /^Task .*\n/gm

/** The orchestrator on Deno, by its own task. */
export const deno: Target = {
  name: 'deno',
  sleepsAfterMs: null,
  limits: {},
  answers: [],
  async start(place): Promise<Running> {
    const program = new Program('node_modules/.bin/deno', ['task', 'start', '--', ...flagsOf(place)], { NO_COLOR: '1' })
    const server = await serverIn(program)
    return { ...server, faults: () => server.faults().replace(TASK, '') }
  },
}
