import { type Client, createClient, LibsqlError } from '@libsql/client/http'
import { StoreUnusable } from './contract.ts'
import type { SqlRow } from './rows.ts'
import type { Statement } from './writes.ts'

/** Where a libSQL server is, and how to speak to it. */
export interface ServerOptions {
  /** `libsql:`, `https:` or `http:`, with no token in it. */
  readonly url: string
  /** Empty when the server wants none. */
  readonly token: string
  /** How long one answer may take, to its last byte. */
  readonly timeoutMs: number
}

/** A database on a libSQL server. Each call throws `StoreUnusable` when the server does not answer as it should. */
export interface Server {
  /** The rows of each reading statement, however many, in one round trip unless they are too many for that. */
  read(statements: readonly Statement[]): Promise<readonly (readonly SqlRow[])[]>
  /** As `read`, for statements that write: all or nothing. Throws the error of the one that failed. */
  write(statements: readonly Statement[]): Promise<readonly (readonly SqlRow[])[]>
  /** Runs many statements without arguments, and none after one that fails. */
  script(sql: string): Promise<void>
  close(): void
}

/** With how many rows a page of an answer begins that is too large to come whole. */
const PAGE_ROWS = 1_024

/** The URL as it may be shown and logged. Throws `StoreUnusable` for one that cannot be used, or that has a token in it. */
export function databaseName(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  // What cannot be taken apart may have a token anywhere, so it is not repeated.
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
 * Prepares to speak to a server; the first call connects. Over HTTP and not WebSocket: a transaction is one request
 * either way, a request needs no connection to be kept, and one that gets no answer can be given up by itself.
 */
export function connectServer({ url, token, timeoutMs }: ServerOptions): Server {
  // Within a header such a token would fail with a message that repeats it.
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
 * One request, with an end to it. The answer is read here to its last byte, so that everything that can happen to it on
 * its way happens here.
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

/** Why a request failed: the system's code, which `fetch` hides one level down. */
function reason(error: unknown): string {
  const { cause, message } = error as Error & { readonly cause?: { readonly code?: string; readonly message?: string } }
  return cause?.code ?? cause?.message ?? message
}

/**
 * The rows of a statement whose answer is larger than the server gives at a time, page by page, of one moment. How many
 * bytes a row has is not known before, so a page that is too large is asked for again with fewer rows.
 */
async function inPages(client: Client, { sql, args }: Statement): Promise<readonly SqlRow[]> {
  const rows: SqlRow[] = []
  const moment = await client.transaction('read')
  try {
    // A transaction ends when the request that begins it fails, so that one asks for nothing that could be too large.
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

/** No column holds a blob, and integers come as numbers. */
function rowsOf({ rows }: { readonly rows: readonly unknown[] }): readonly SqlRow[] {
  return rows as readonly SqlRow[]
}
