import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { authorizeCall, type CallAccess } from '../../../core/access/calls.ts'
import type { ReplyId, SecretHash } from '../../../core/base/ids.ts'
import type { Parsed } from '../../../core/base/json.ts'
import { isRefusal, type Refusal } from '../../../core/base/refusal.ts'
import {
  type AnswerOf,
  type BodyOf,
  type Contract,
  type ParamsOf,
  type QueryOf,
  type Route,
  scopesOf,
} from '../../../core/api/route.ts'
import { submissionsLeft } from '../../../core/limiter/rates.ts'
import type { KeyRow } from '../../../core/records/key.ts'
import type { ReplyTo, RequestEvent } from '../../../core/reply.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import type { Cursor, PageQuery } from '../../store/contract.ts'
import {
  admit,
  anyOf,
  type Authorizer,
  bearerCredential,
  encodeCursor,
  pageFrom,
  readBody,
  readOptionalBody,
  readParsedBody,
} from './request.ts'
import type { HonoEnv } from './env.ts'
import { readQuery } from './query.ts'
import { locationIn, refused, setQuotaHeaders } from './response.ts'
import { unlessUnchanged } from './unchanged.ts'

/** An event with an awaited answer, without the id for that. */
type Command<E = RequestEvent> = E extends RequestEvent ? Omit<E, 'reply'> : never

/** Puts an event to the core. Resolves with its answer once that is durable, or with the refusal. */
export type Send = <const C extends Command>(command: C) => Promise<ReplyTo<C['type']> | Refusal>

/** A request as its handler gets it: validated, and with the parameters of its path. */
export type RequestTo<R extends Route> =
  & { readonly [N in ParamsOf<R>]: string }
  & {
    readonly fleet: Fleet
    /** The caller's, where one is asked for. */
    readonly key: R extends { readonly scope: null } ? undefined : KeyRow
    readonly body: BodyOf<R>
    readonly query: QueryOf<R>
    /** The position in a list, and the size of the page. */
    readonly page: R extends { readonly ownCursor: true } ? undefined
      : R extends { readonly paged: true } ? PageQuery
      : undefined
    /** The prefix of this fleet's paths, before `/api`. */
    readonly base: string
    /** Aborts when the caller has gone. */
    readonly signal: AbortSignal
    /** Looks the key up anew: it may be revoked while somebody waits. */
    readonly access: R extends { readonly orRobot: true } ? () => CallAccess | Refusal : undefined
    header(name: string): string | undefined
    /** Authorizes the caller anew: the key may be revoked during a wait. */
    authorize(): KeyRow | Refusal
    readonly send: Send
  }

/** The result of a handler: the answer, a refusal, or an answer with a status or headers of its own. */
type Handled<A> = A | Refusal | Answered<A>

/** An answer that differs from what its route says. */
export class Answered<A> {
  readonly body: A
  readonly status: 200 | 201 | 202 | 503 | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(body: A, { status, headers = {} }: {
    readonly status?: 200 | 201 | 202 | 503
    readonly headers?: Readonly<Record<string, string>>
  }) {
    this.body = body
    this.status = status
    this.headers = headers
  }
}

/** A handler for each route of a contract. One that is missing, or is there for no route, does not compile. */
export type Handlers<C> = {
  readonly [N in keyof C]: C[N] extends Route
    ? (request: RequestTo<C[N]>) => Handled<AnswerOf<C[N]>> | Promise<Handled<AnswerOf<C[N]>>>
    : never
}

/** Gives the handlers of a contract their types. */
export function handlers<const C extends Contract, H extends Handlers<C>>(
  _contract: C,
  given: H & { readonly [N in Exclude<keyof H, keyof C>]: never },
): Handlers<C> {
  return given
}

/** Shows a page of rows. */
export function pageOfRows<Row, View>(
  { items, next }: { readonly items: readonly Row[]; readonly next: Cursor | null },
  show: (row: Row) => View,
): { readonly items: View[]; readonly next_cursor: string | null } {
  return { items: items.map((row) => show(row)), next_cursor: encodeCursor(next) }
}

/** Serves the routes of a contract: key, query, body, answer, headers and refusals are the same for all of them. */
export function serve<const C extends Contract>(
  app: Hono<HonoEnv>,
  fleet: Fleet,
  contract: C,
  given: Handlers<C>,
): void {
  for (const [name, route] of Object.entries<Route>(contract)) {
    const [method = '', path = ''] = route.at.split(' ')
    const handle = given[name] as unknown as (request: RequestTo<Route>) => Promise<Handled<object>>
    const names = Object.keys(route.query?.entries ?? {})
    const middleware: MiddlewareHandler<HonoEnv>[] = route.scope === null
      ? []
      : [admit(fleet, authorizerOf(fleet, route), names)]
    if (route.tagged === true) middleware.push(unlessUnchanged)
    app.on([method], [path.replaceAll(/\{(\w+)\}/g, ':$1')], ...middleware, async (c: Context<HonoEnv>) => {
      if (route.countsAsSubmission === true) {
        setQuotaHeaders(c, submissionsLeft(fleet.state, c.get('key').id, fleet.platform.now()))
      }
      const request = await readRequest(c, fleet, route)
      const handled = isRefusal(request) ? request : await handle(request)
      return isRefusal(handled) ? refused(c, handled) : answer(c, route, handled)
    })
  }
}

function authorizerOf(fleet: Fleet, route: Route): Authorizer {
  if (route.orRobot !== true) return anyOf(fleet, scopesOf(route))
  return (credential) => {
    const access = callAccess(fleet, route, credential)
    return isRefusal(access) ? access : access.key
  }
}

function callAccess({ state }: Fleet, { scope }: Route, credential: SecretHash | null): CallAccess | Refusal {
  return authorizeCall(state, credential, scope as 'jobs:submit' | 'jobs:read')
}

async function readRequest(c: Context<HonoEnv>, fleet: Fleet, route: Route): Promise<RequestTo<Route> | Refusal> {
  const query = readQueryOf(c, route)
  if (isRefusal(query)) return query
  const page = route.paged === true && route.ownCursor !== true
    ? pageFrom(query as { readonly limit: number; readonly cursor?: string })
    : undefined
  if (isRefusal(page)) return page
  const body = await readBodyOf(c, route)
  if (isRefusal(body)) return body
  return {
    ...c.req.param(),
    fleet,
    key: c.get('key'),
    base: c.get('base'),
    body,
    query,
    page,
    // Made when it is asked for: it costs as much as the rest of a request.
    get signal() {
      return c.req.raw.signal
    },
    access: () => callAccess(fleet, route, bearerCredential(c.req.header('authorization'))),
    authorize: () => authorizerOf(fleet, route)(bearerCredential(c.req.header('authorization'))),
    header: (name: string) => c.req.header(name),
    send: (command: Command) => send(c, fleet, command),
  } as unknown as RequestTo<Route>
}

function readQueryOf(c: Context, { query: schema }: Route): unknown {
  if (schema === undefined) return undefined
  const { pretty: _, ...query } = c.req.query()
  return readQuery(query, schema)
}

function readBodyOf(c: Context, { body: schema, takes, checksBody }: Route): unknown {
  if (schema === undefined) return undefined
  if (checksBody === true) return readParts(c)
  return takes === 'body?' ? readOptionalBody(c, schema) : readBody(c, schema)
}

/** A body whose parts stand for themselves: one that is too large can be sent in several requests. */
async function readParts(c: Context): Promise<Parsed | Refusal> {
  const parsed = await readParsedBody(c)
  const tooLarge = isRefusal(parsed) && parsed.refused === 'PAYLOAD_TOO_LARGE'
  return tooLarge ? { ...parsed, message: `${parsed.message}: send its parts in several requests` } : parsed
}

async function send(
  c: Context<HonoEnv>,
  fleet: Fleet,
  command: Command,
): Promise<ReplyTo<RequestEvent['type']> | Refusal> {
  const reply = await fleet.request((id: ReplyId) => ({ ...command, reply: id }) as RequestEvent)
  if ('quota' in reply) setQuotaHeaders(c, reply.quota)
  return reply.type === 'refusal' ? reply.refusal : reply
}

function answer(c: Context<HonoEnv>, route: Route, handled: Exclude<Handled<object>, Refusal>): Response {
  const own = handled instanceof Answered ? handled : undefined
  const body = own === undefined ? handled : own.body
  const status = own?.status ?? route.status ?? 200
  const headers = {
    ...(route.location === undefined
      ? {}
      : locationIn(c.get('base'), route.location, (body as { readonly id: string }).id)),
    ...own?.headers,
  }
  // Only what is answered without a status gets a tag.
  return status === 200 && route.tagged === true ? c.json(body) : c.json(body, status as ContentfulStatusCode, headers)
}
