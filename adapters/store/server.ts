import { type Client, createClient, LibsqlError } from '@libsql/client/http'
import { StoreUnusable } from './contract.ts'
import type { SqlRow } from './rows.ts'
import type { Statement } from './writes.ts'

/** The address of a libSQL server, and how to speak to it. */
export interface ServerOptions {
  /** `libsql:`, `https:` or `http:`, with no token in it. */
  readonly url: string
  /** Empty if the server needs none. */
  readonly token: string
  /** The longest time for one answer, to its last byte. */
  readonly timeoutMs: number
}

/** A database on a libSQL server. Each call throws `StoreUnusable` when the server does not answer as it should. */
export interface Server {
  /** The rows of any number of reading statements, in one round trip unless the answer is too large for that. */
  read(statements: readonly Statement[]): Promise<readonly (readonly SqlRow[])[]>
  /** Like `read`, for statements that write: all or nothing. Throws the error of the one that failed. */
  write(statements: readonly Statement[]): Promise<readonly (readonly SqlRow[])[]>
  /** Runs many statements without arguments, and stops at the first that fails. */
  script(sql: string): Promise<void>
  close(): void
}

/** The initial page size, in rows, for an answer that is too large for one response. */
const PAGE_ROWS = 1_024

/**
 * The URL in the form that may be shown and logged. Throws `StoreUnusable` for an invalid one, or one with a token in
 * it.
 */
export function databaseName(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  // A text that cannot be parsed may contain a token anywhere, so it is not repeated.
  if (parsed === null || parsed.host === '') {
    throw new StoreUnusable(
      'the URL of the database cannot be read: it should be like libsql://host or http://host:8080',
    )
  }
  const name = `${parsed.protocol}//${parsed.host}${parsed.pathname}`.replace(/\/$/, '')
  if (parsed.username !== '' || parsed.password !== '' || parsed.searchParams.has('authToken')) {
    throw new StoreUnusable(`${name} was given with a secret in its URL, where others can see it: ${TOKEN_ADVICE}`)
  }
  if (!['libsql:', 'https:', 'http:'].includes(parsed.protocol)) {
    throw new StoreUnusable(`${name} is not the URL of a libSQL server: one begins with libsql:, https: or http:`)
  }
  return name
}

const TOKEN_ADVICE = 'put the token into CASARE_DATABASE_TOKEN'

/**
 * Prepares to use a server; the first call connects. Uses HTTP, not WebSocket: a transaction is one request either way,
 * a request needs no lasting connection, and one without an answer can be abandoned by itself.
 */
export function connectServer({ url, token, timeoutMs }: ServerOptions): Server {
  // As a header such a token would fail with a message that repeats it.
  if (!/^[\x21-\x7e]*$/.test(token)) {
    throw new StoreUnusable(`needs a token without blanks or line ends: ${TOKEN_ADVICE}`)
  }
  const client: Client = createClient({
    url,
    ...(token === '' ? {} : { authToken: token }),
    fetch: (request: Request) => send(request, token, timeoutMs),
  })

  const batch = async (statements: readonly Statement[], mode: 'read' | 'write') =>
    (await client.batch(statements.map(({ sql, args }) => ({ sql, args: [...args] })), mode)).map(rowsOf)

  return {
    async read(statements) {
      try {
        return await batch(statements, 'read')
      } catch (error) {
        if (isTooLarge(error)) return Promise.all(statements.map((statement) => inPages(client, statement)))
        throw error
      }
    },
    write: (statements) => batch(statements, 'write'),
    script: (sql) => client.executeMultiple(sql),
    close: () => client.close(),
  }
}

/**
 * Sends one request with a timeout. The answer is read to its last byte here, so that every failure on its way occurs
 * here.
 */
async function send(request: Request, token: string, timeoutMs: number): Promise<Response> {
  const signal = AbortSignal.timeout(timeoutMs)
  let response: Response
  let body: ArrayBuffer
  try {
    response = await fetch(request, { signal })
    body = await response.arrayBuffer()
  } catch (cause) {
    const what = signal.aborted ? `did not answer within ${timeoutMs / 1000} s` : `cannot be reached (${reason(cause)})`
    throw new StoreUnusable(what, { cause })
  }
  const { status } = response
  if (status === 401) {
    throw new StoreUnusable(
      token === '' ? `wants a token: ${TOKEN_ADVICE}` : 'refuses the token of CASARE_DATABASE_TOKEN',
    )
  }
  if (status === 403) throw new StoreUnusable('does not let the token of CASARE_DATABASE_TOKEN write')
  if (!response.ok) {
    const advice = status < 500 ? ': see that this is the URL of a libSQL server' : ''
    throw new StoreUnusable(`answers with HTTP status ${status}${advice}`)
  }
  return new Response(body, { status, headers: response.headers })
}

/** The reason why a request failed: the system's code, which `fetch` hides one level down. */
function reason(error: unknown): string {
  const { cause, message } = error as Error & { readonly cause?: { readonly code?: string; readonly message?: string } }
  return cause?.code ?? cause?.message ?? message
}

/**
 * Reads a result that is larger than one response, in pages from one snapshot. The size of a row is not known
 * beforehand, so a page that is too large is requested again with fewer rows.
 */
async function inPages(client: Client, { sql, args }: Statement): Promise<readonly SqlRow[]> {
  const rows: SqlRow[] = []
  const moment = await client.transaction('read')
  try {
    // A transaction ends when its first request fails, so that one must not return anything large.
    await moment.execute('select 1')
    for (let limit = PAGE_ROWS;;) {
      try {
        const page = await moment.execute({
          sql: `select * from (${sql}) limit ? offset ?`,
          args: [...args, limit, rows.length],
        })
        rows.push(...rowsOf(page))
        if (page.rows.length < limit) return rows
      } catch (error) {
        if (!isTooLarge(error) || limit === 1) throw error
        limit = Math.ceil(limit / 4)
      }
    }
  } finally {
    moment.close()
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof LibsqlError && error.code === 'RESPONSE_TOO_LARGE'
}

/** No column holds a blob, and integers arrive as numbers. */
function rowsOf({ rows }: { readonly rows: readonly unknown[] }): readonly SqlRow[] {
  return rows as readonly SqlRow[]
}
