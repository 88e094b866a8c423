import { optionsFrom } from './environment.ts'
import { describe, Robot } from './robot.ts'
import { messageOf } from './text.ts'
import { oneLine, withoutSecrets } from '../core/base/text.ts'

/**
 * The reference robot as a process: runs canonical workflows, and is configured by its environment. Exits with 0 after
 * a requested stop, and with 1 for an invalid configuration or when the orchestrator refuses the robot.
 */

/**
 * Together with the time to abort jobs and to confirm results, the process ends within 20 s, before service managers
 * kill it.
 */
const STOP_GRACE_MS = 8_000

function say(line: string): void {
  process.stdout.write(`[robot] ${oneLine(withoutSecrets(line))}\n`)
}

async function main(): Promise<void> {
  const options = optionsFrom(process.env)
  const robot = new Robot({ ...options, onEvent: (event) => say(describe(event)) })
  const stop = (): void => void robot.stop({ graceMs: STOP_GRACE_MS })
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // The parent process is gone, so no one else would stop this one.
  process.on('disconnect', stop)
  say(`${options.id} connects to ${options.url}`)
  // A refusal arrives as an event, and `stopped` follows.
  robot.start().catch(() => {})
  const reason = await robot.stopped
  process.exit(reason === 'refused' || reason === 'replaced' ? 1 : 0)
}

main().catch((error: unknown) => {
  process.stderr.write(`[robot] ${withoutSecrets(messageOf(error))}\n`)
  process.exit(1)
})
