import type { Command } from 'commander'
import { parseWritten } from '../core/protocol/exact.ts'
import { CasareClient } from '../client/client.ts'
import { problemWithKey } from '../core/protocol/credential.ts'

interface Globals {
  readonly url?: string
  readonly key?: string
  readonly fleet?: string
  readonly json?: boolean
}

/** The orchestrator that a command is about. A flag wins over its environment variable. */
export function connect(command: Command): CasareClient {
  const given = command.optsWithGlobals<Globals>()
  const { CASARE_URL, CASARE_KEY, CASARE_FLEET } = process.env
  const url = given.url ?? (CASARE_URL || 'http://127.0.0.1:8766')
  if (!/^https?:\/\/[^/]/.test(url)) command.error(`--url or CASARE_URL must start with http:// or https://: ${url}`)
  const key = given.key ?? (CASARE_KEY?.trim() || undefined)
  const problem = key === undefined ? null : problemWithKey(key)
  if (problem !== null) command.error(`--key or CASARE_KEY ${problem}`)
  return new CasareClient({
    url,
    key,
    fleet: given.fleet ?? (CASARE_FLEET || undefined),
    // What is printed is what was answered.
    parse: parseWritten,
    // Somebody sits there and waits.
    retries: 2,
  })
}

/** Whether the answer is for a program. */
export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<Globals>().json === true
}
