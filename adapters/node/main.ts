import { requireNode } from './version.ts'

/** The orchestrator as a process on Node: `npm start` in this repository, `casare start` where it is installed. */

requireNode()
const [{ main }, { NODE_ROBOT }] = await Promise.all([import('./process.ts'), import('./index.ts')])
main({ command: 'casare start', robot: NODE_ROBOT })
