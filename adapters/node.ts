import { requireNode } from './node/version.ts'

/** The orchestrator on Node, as a process: `npm start` in this repository, `casare start` where it is installed. */

requireNode()
const [{ main }, { NODE_ROBOT }] = await Promise.all([import('./main.ts'), import('./node/start.ts')])
main({ command: 'casare start', robot: NODE_ROBOT })
