import { DENO_ROBOT } from './deno/start.ts'
import { main } from './main.ts'

/** The orchestrator on Deno: `deno task start`. */

main({ command: 'deno task start', robot: DENO_ROBOT })
