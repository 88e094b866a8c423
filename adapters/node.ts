import { main } from './main.ts'

/** The orchestrator on Node: `npm start`. */

main({ command: 'npm start --', robot: { args: () => ['--import', 'tsx'], env: process.env } })
