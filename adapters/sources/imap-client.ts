import type { ImapFlow } from 'imapflow'
import type { Millis } from '../../core/base/ids.ts'
import { cut } from '../../core/base/text.ts'
import { addressIn } from '../../outgoing/address.ts'
import { INTERNET, type Reach, reachOf, USUAL_PORTS } from '../../outgoing/reach.ts'
import { type Resolve, resolveAddresses, systemResolve } from '../../outgoing/request.ts'
import { MAIL_BYTES_MAX } from './mail.ts'

/** The connection to an IMAP server, and its possible errors. */

/** The address of a mail server and the account on it. */
export interface MailServerConfig {
  readonly server: string
  readonly port?: number
  readonly tls: 'implicit' | 'starttls' | 'none'
  readonly username: string
}

/** A server without an answer for this long is considered lost. */
const ANSWER_MS: Millis = 60_000
/** Servers close a connection after half an hour of silence, and some routers after five minutes. */
const IDLE_MS: Millis = 240_000

/** The hosts that mailboxes may be at, and the resolver of their names. */
export interface MailReach {
  readonly reach: Reach
  readonly resolve: Resolve
}

/** Restricts mailboxes to these hosts. */
export function mailReach(hosts: readonly string[] = INTERNET, resolve: Resolve = systemResolve): MailReach {
  return { reach: reachOf(hosts, USUAL_PORTS.imap), resolve }
}

/** The reason why a mailbox may not be at a server, for the person who names it; null if name and port are allowed. */
export function problemWithServer(config: MailServerConfig, { reach }: MailReach, address?: string): string | null {
  const problem = reach.problem(config.server, portOf(config), address)
  return problem === null ? null : `${problem}; the setting mailbox_hosts can allow it`
}

/** The addresses of a server, once all of them are known to be allowed. */
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

/** A client for this address, not yet connected. It sends nothing unencrypted unless configured to. */
export async function newImapClient(config: MailServerConfig, password: string, address: string): Promise<ImapFlow> {
  const { server, tls, username } = config
  // Loaded on demand, since most installations do not use it.
  const { ImapFlow } = await import('imapflow')
  return new ImapFlow({
    host: address,
    port: portOf(config),
    // The certificate must be that of the name.
    ...(addressIn(server) === null ? { servername: server } : {}),
    secure: tls === 'implicit',
    doSTARTTLS: tls === 'starttls',
    auth: { user: username, pass: password },
    clientInfo: { name: 'casare-orchestrator' },
    logger: false,
    // Deflate compression by the server does not work on Deno: https://github.com/postalsys/imapflow/issues/329
    disableCompression: true,
    autoIdleDelay: 100,
    maxIdleTime: IDLE_MS,
    connectionTimeout: ANSWER_MS,
    maxLiteralSize: 2 * MAIL_BYTES_MAX,
    maxResponseSize: 3 * MAIL_BYTES_MAX,
  })
}

/** Rejects if the server does not answer for a minute. */
export function withTimeout<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The server does not answer')), ANSWER_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/**
 * A description of an error, for the person who has set the trigger up. The library's own message often says only that
 * a command failed.
 */
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
