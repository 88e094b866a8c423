#!/usr/bin/env node
import { main } from './cli/main.ts'

/**
 * The `casare` command. `casare start` is the orchestrator itself, in this very process: signals, output and the exit
 * status are its own. Everything else is an ordinary client.
 */

if (process.argv[2] === 'start') {
  process.argv.splice(2, 1)
  await import('./adapters/node.ts')
} else {
  process.exitCode = await main(process.argv.slice(2))
}
