import { readOptions, usage } from './node/options.ts'
import { Problem } from './node/problem.ts'
import { start } from './node/start.ts'
import { StaleEpoch, StoreUnusable } from './store/contract.ts'

/** The orchestrator on Node, as a process: `npm start` in this repository, `casare start` where it is installed. */

const SAME_SIGNAL_MS = 500

/** One clear line for what an operator can put right, the whole story for what is our fault. */
function fail(error: unknown): never {
  const known = error instanceof Problem || error instanceof StoreUnusable || error instanceof StaleEpoch
  process.stderr.write(`casare: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env)
  if (options.help) {
    process.stdout.write(`${usage()}\n`)
    return
  }
  const running = await start(options, fail)
  let stopping: number | null = null
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // One Ctrl-C comes twice under npm: from the terminal, and from npm, which passes it on.
      if (stopping !== null && performance.now() - stopping < SAME_SIGNAL_MS) return
      if (stopping !== null) process.exit(130)
      stopping = performance.now()
      process.stdout.write('Stopping: jobs on the reference robot are finished first.\n')
      running.stop().then(() => process.exit(0), fail)
    })
  }
  // Whoever reads "Ready" may press Ctrl-C at once, so that is listened to first.
  process.stdout.write(running.banner)
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
main().catch(fail)
