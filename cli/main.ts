import { Command, CommanderError } from 'commander'
import pkg from '../package.json' with { type: 'json' }
import { CasareError } from '../client/client.ts'
import { CLIENT_OPTIONS, refuseClientOptions } from './connect.ts'
import { jobCommands } from './jobs.ts'
import { recordCommands } from './resources.ts'
import { robotCommand } from './robot.ts'
import { oneLine } from '../core/base/text.ts'

/** Exit statuses. 130 is what a shell reports for Ctrl-C. */
const FAILED = 1
const MISUSED = 2

/**
 * Runs one command line; `start` is the command that starts an orchestrator. Resolves with the exit status: 0, 1 when
 * the request was refused or failed, 2 when the command line is invalid.
 */
export async function main(args: readonly string[], start: Command): Promise<number> {
  // A reader that closes the pipe early, as `head` does, has all that it wanted.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : FAILED))
  let status = 0
  const program = new Command('casare')
    .description('The CasareRPA Orchestrator, and a client of one that runs.')
    .version(pkg.version)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(complaint(text.replace(/^error: /, ''))) })
  for (const option of CLIENT_OPTIONS) program.addOption(option)
  program.addCommand(start.copyInheritedSettings(program))
  refuseClientOptions(start)
  robotCommand(program)
  jobCommands(program, (failed) => status = failed ? FAILED : 0)
  recordCommands(program)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : MISUSED
    process.stderr.write(complaint(reasonOf(error)))
    return FAILED
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof CasareError)) return error instanceof Error ? error.message : String(error)
  const hint = error.code === 'AUTHENTICATION_FAILED' ? '; give a key with --key or CASARE_KEY' : ''
  return `${error.message} (${error.code})${hint}`
}

function complaint(text: string): string {
  return `casare: ${oneLine(text.trim())}\n`
}
