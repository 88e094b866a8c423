import { CommanderError } from 'commander'
import { checkFolder } from './check.ts'
import { type Options, startCommand } from './options.ts'
import { Problem } from './problem.ts'
import type { RobotProcess } from './reference.ts'
import { startOn } from './start.ts'
import { StaleEpoch, StoreUnusable } from '../store/contract.ts'
import { oneLine, withoutSecrets } from '../../core/base/text.ts'

/** The orchestrator as a process, on every runtime that has Node's modules. */

/** The differences between the runtimes. */
export interface Runtime {
  /** The command line that starts it, for `--help`. */
  readonly command: string
  readonly robot: RobotProcess
}

const SAME_SIGNAL_MS = 500

/** The exit status for an invalid option. */
const MISUSED = 2

/** Prints one clear line for an error that an operator can correct, and the stack for a bug. Exits. */
function fail(error: unknown): never {
  process.stderr.write(
    `casare: ${
      withoutSecrets(isKnown(error) ? error.message : error instanceof Error ? error.stack ?? '' : String(error))
    }\n`,
  )
  process.exit(1)
}

function isKnown(error: unknown): error is Error {
  if (error instanceof Problem || error instanceof StoreUnusable || error instanceof StaleEpoch) return true
  // Deno lacks a permission; the message names the flag that grants it.
  return error instanceof Error && error.name === 'NotCapable'
}

/** Runs the orchestrator as the only work of this process: reads the arguments, prints, and sets the exit status. */
export function main(runtime: Runtime): void {
  const command = startCommand(runtime.command, (options) => runOrchestrator(runtime.robot, options))
    .exitOverride()
    .configureOutput({
      // Output has no colours. Detecting their support would read the environment, which Deno may forbid.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(`casare: ${oneLine(text.replace(/^error: /, '').trim())}\n`),
    })
  command.parseAsync(process.argv.slice(2), { from: 'user' }).catch((error: unknown) => {
    if (!(error instanceof CommanderError)) fail(error)
    process.exitCode = error.exitCode === 0 ? 0 : MISUSED
  })
}

/** Runs the orchestrator with parsed options. Resolves when it has started, or has nothing more to do. */
export async function runOrchestrator(robot: RobotProcess, options: Options): Promise<void> {
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  await run(robot, options).catch(fail)
}

async function run(robot: RobotProcess, options: Options): Promise<void> {
  if (options.check) {
    const isSound = await checkFolder(options, (line) => void process.stdout.write(`${line}\n`))
    process.exitCode = isSound ? 0 : 1
    return
  }
  const running = await startOn(robot, options, fail)
  let stopping: number | null = null
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Under npm one Ctrl-C arrives twice: from the terminal, and passed on by npm.
      if (stopping !== null && performance.now() - stopping < SAME_SIGNAL_MS) return
      if (stopping !== null) process.exit(130)
      stopping = performance.now()
      process.stdout.write('Stopping: jobs on the reference robot are finished first.\n')
      running.stop().then(() => process.exit(0), fail)
    })
  }
  // Before this line: a user who reads "Ready" may press Ctrl-C at once.
  process.stdout.write(running.banner)
}
