import { DENO_ROBOT } from './index.ts'
import { main } from '../node/process.ts'

/** The orchestrator on Deno: `deno task start`. */

main({ command: 'deno task start', robot: DENO_ROBOT })
