import type { ImapFlow } from 'imapflow'
import type { Millis } from '../../core/ids.ts'
import { cut } from '../../core/protocol/cut.ts'
import { MAIL_BYTES_MAX } from './mail.ts'

/** The connection to an IMAP server, and what can go wrong with it. */

/** Where it is, and who we are there. */
export interface ServerConfig {
  readonly server: string
  readonly port?: number
  readonly tls: 'implicit' | 'starttls' | 'none'
  readonly username: string
}

/** A server that has not answered for this long is gone, though nobody has said so. */
const ANSWER_MS: Millis = 60_000
/** Servers end a connection that is silent for half an hour, and some routers one that is for five minutes. */
const IDLE_MS: Millis = 240_000

/** A client that is to be connected. It says nothing in the clear unless it is told to. */
export async function newClient(config: ServerConfig, password: string): Promise<ImapFlow> {
  const { server, port, tls, username } = config
  // Most who run an orchestrator have no use for it.
  const { ImapFlow } = await import('imapflow')
  return new ImapFlow({
    host: server,
    port: port ?? (tls === 'implicit' ? 993 : 143),
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
export function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The server does not answer')), ANSWER_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** What went wrong, for whoever set the trigger up. The library's own message often says only that a command failed. */
export function problemOf(error: unknown): string {
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
