import { type Command, Option } from 'commander'
import { parseWritten } from '../core/base/exact.ts'
import { CasareClient } from '../client/client.ts'
import { problemWithKey } from '../core/base/secret.ts'

interface Globals {
  readonly url: string
  readonly key?: string
  readonly fleet?: string
  readonly json?: boolean
}

/** The options of every command that asks an orchestrator, before the command or after it. */
export const CLIENT_OPTIONS: readonly Option[] = [
  new Option('--url <url>', 'where the orchestrator is').env('CASARE_URL').default('http://127.0.0.1:8766')
    .argParser((text, before) => text === '' ? before : text),
  new Option('--key <key>', 'an API key').env('CASARE_KEY'),
  new Option('--fleet <fleet>', 'which fleet, where there is more than one').env('CASARE_FLEET'),
  new Option('--json', 'print what the API answers, as JSON'),
]

/** The client that a command uses, made from its options. */
export function connect(command: Command): CasareClient {
  const { url, ...given } = command.optsWithGlobals<Globals>()
  if (!/^https?:\/\/[^/]/.test(url)) command.error(`--url or CASARE_URL must start with http:// or https://: ${url}`)
  const key = given.key?.trim() || undefined
  const problem = key === undefined ? null : problemWithKey(key)
  if (problem !== null) command.error(`--key or CASARE_KEY ${problem}`)
  return new CasareClient({
    url,
    key,
    fleet: given.fleet || undefined,
    // Answers are printed as they were received, digit for digit.
    parse: parseWritten,
    // A person waits for the answer, so give up early.
    retries: 2,
  })
}

/**
 * Makes a command that asks no orchestrator refuse the options of those that do, except those that it defines itself.
 */
export function refuseClientOptions(command: Command): void {
  command.configureHelp({ showGlobalOptions: false }).hook('preAction', () => {
    for (const option of CLIENT_OPTIONS) {
      const isOwn = command.options.some(({ long }) => long === option.long)
      const given = command.parent?.getOptionValueSource(option.attributeName())
      if (!isOwn && given === 'cli') {
        command.error(`error: option '${option.flags}' is not for 'casare ${command.name()}'`)
      }
    }
  })
}

/** True if `--json` was given. */
export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<Globals>().json === true
}
