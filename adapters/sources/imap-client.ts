import type { ImapFlow } from 'imapflow'
import type { Millis } from '../../core/base/ids.ts'
import { cut } from '../../core/base/text.ts'
import { addressIn } from '../../outgoing/address.ts'
import { INTERNET, type Reach, reachOf, USUAL_PORTS } from '../../outgoing/reach.ts'
import { type Resolve, resolveAddresses, systemResolve } from '../../outgoing/request.ts'
import { MAIL_BYTES_MAX } from './mail.ts'

/** The connection to an IMAP server, and what can go wrong with it. */

/** Where it is, and who we are there. */
export interface MailServerConfig {
  readonly server: string
  readonly port?: number
  readonly tls: 'implicit' | 'starttls' | 'none'
  readonly username: string
}

/** A server that has not answered for this long is gone, though nobody has said so. */
const ANSWER_MS: Millis = 60_000
/** Servers end a connection that is silent for half an hour, and some routers one that is for five minutes. */
const IDLE_MS: Millis = 240_000

/** Where mailboxes may be, and how their names are looked up. */
export interface MailReach {
  readonly reach: Reach
  readonly resolve: Resolve
}

/** Mailboxes at these hosts, and no others. */
export function mailReach(hosts: readonly string[] = INTERNET, resolve: Resolve = systemResolve): MailReach {
  return { reach: reachOf(hosts, USUAL_PORTS.imap), resolve }
}

/** Why a mailbox may not be there, for the person who names the server; null: nothing in its name and port speaks against it. */
export function problemWithServer(config: MailServerConfig, { reach }: MailReach, address?: string): string | null {
  const problem = reach.problem(config.server, portOf(config), address)
  return problem === null ? null : `${problem}; the setting mailbox_hosts can allow it`
}

/** Where a server is, once it is known that all of it may be connected to. */
export async function serverAddresses(
  config: MailServerConfig,
  from: MailReach,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const before = problemWithServer(config, from)
  if (before !== null) throw new Error(before)
  const addresses = await withTimeout(resolveAddresses(config.server, signal, from.resolve))
  for (const address of addresses) {
    const problem = problemWithServer(config, from, address)
    if (problem !== null) throw new Error(problem)
  }
  return addresses
}

function portOf({ port, tls }: MailServerConfig): number {
  return port ?? (tls === 'implicit' ? 993 : 143)
}

/** A client that is to be connected, to this address and not to the name. It says nothing in the clear unless it is told to. */
export async function newImapClient(config: MailServerConfig, password: string, address: string): Promise<ImapFlow> {
  const { server, tls, username } = config
  // Most who run an orchestrator have no use for it.
  const { ImapFlow } = await import('imapflow')
  return new ImapFlow({
    host: address,
    port: portOf(config),
    // The certificate is to be that of the name.
    ...(addressIn(server) === null ? { servername: server } : {}),
    secure: tls === 'implicit',
    doSTARTTLS: tls === 'starttls',
    auth: { user: username, pass: password },
    clientInfo: { name: 'casare-orchestrator' },
    logger: false,
    // Inflating what the server has compressed does not work on Deno: https://github.com/postalsys/imapflow/issues/329
    disableCompression: true,
    autoIdleDelay: 100,
    maxIdleTime: IDLE_MS,
    connectionTimeout: ANSWER_MS,
    maxLiteralSize: 2 * MAIL_BYTES_MAX,
    maxResponseSize: 3 * MAIL_BYTES_MAX,
  })
}

/** Rejects where the server does not answer for a minute. */
export function withTimeout<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The server does not answer')), ANSWER_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** What went wrong, for whoever set the trigger up. The library's own message often says only that a command failed. */
export function imapProblem(error: unknown): string {
  const { message = '', code = '', responseText, authenticationFailed } = error as Error & {
    readonly code?: string
    readonly responseText?: string
    readonly authenticationFailed?: boolean
  }
  if (GONE.has(code)) return 'The server has closed the connection'
  const words = cut(responseText ?? message, 500)
  const text = words.includes(code) ? words : `${words} (${code})`
  return authenticationFailed === true ? `The server refuses the user name and password: ${text}` : text
}

const GONE = new Set(['NoConnection', 'EConnectionClosed'])
