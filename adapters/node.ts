import { main } from './main.ts'
import { NODE_ROBOT } from './node/start.ts'

/** The orchestrator on Node, as a process: `npm start` in this repository, `casare start` where it is installed. */

main({ command: 'casare start', robot: NODE_ROBOT })
