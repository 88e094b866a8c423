import type { Context, MiddlewareHandler } from 'hono'
import type * as v from 'valibot'
import { authorize } from '../../../core/access/authorize.ts'
import type { SecretHash } from '../../../core/base/ids.ts'
import { cut } from '../../../core/base/text.ts'
import { checkValue, invalidFields, type Problem } from '../../../core/protocol/problems.ts'
import { isObject, type Parsed, parseJson } from '../../../core/base/json.ts'
import { isRefusal, type Refusal, refuse } from '../../../core/base/refusal.ts'
import { grafted, type LostNumber } from '../../../core/protocol/written.ts'
import type { KeyRow, Scope } from '../../../core/records/key.ts'
import { isGuessedKey } from '../../../core/limiter/failed-attempts.ts'
import { rateLimited } from '../../../core/limiter/rates.ts'
import { readCounted } from '../../../outgoing/body.ts'
import { decodeBody } from '../../net/charset.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { hashOf } from '../../crypto/secrets.ts'
import type { Cursor, PageQuery } from '../../store/contract.ts'
import { clientAddress } from '../../net/client-address.ts'
import type { HonoEnv } from './env.ts'
import { problemWithQuery } from './query.ts'
import { refused } from './response.ts'

/** The largest body that is read. What a robot can be sent is smaller still. */
export const BODY_BYTES_MAX = 1 << 20

/** Lets a request pass whose key has one of the scopes, and that has no query. */
export function requireScope(fleet: Fleet, ...scopes: readonly [Scope, ...Scope[]]): MiddlewareHandler<HonoEnv> {
  return admit(fleet, anyOf(fleet, scopes), [])
}

/** Finds the key of a credential, or refuses it. */
export type Authorizer = (credential: SecretHash | null) => KeyRow | Refusal

/** Admits a key with one of the scopes. */
export function anyOf(fleet: Fleet, scopes: readonly Scope[]): Authorizer {
  return (credential) => {
    const keys = scopes.map((scope) => authorize(fleet.state, credential, scope))
    return keys.find((one) => !isRefusal(one)) ?? keys[0] as Refusal
  }
}

/** The same for an address whose query parameters are these, and for whatever key is admitted. */
export function admit(
  fleet: Fleet,
  authorizer: Authorizer,
  queryNames: readonly string[],
): MiddlewareHandler<HonoEnv> {
  return (c, next) => {
    const header = c.req.header('authorization')
    const credential = bearerCredential(header)
    const key = authorizer(credential)
    if (isRefusal(key)) return Promise.resolve(refused(c, tooManyGuesses(fleet, c.req.raw, credential) ?? key))
    if (header !== undefined && credential !== null) remember(header, credential)
    const problem = problemWithQuery(c, queryNames) ?? problemWithCoding(c)
    if (problem !== null) return Promise.resolve(refused(c, problem))
    c.set('key', key)
    return next()
  }
}

/** The refusal of an address that has sent too many wrong keys; null within the limit. */
function tooManyGuesses(
  { state, failedAttempts, platform }: Fleet,
  request: Request,
  credential: SecretHash | null,
): Refusal | null {
  if (!isGuessedKey(state, credential)) return null
  const quota = failedAttempts.count(clientAddress(request, state.settings.trustedProxies), platform.now())
  return quota === null ? null : rateLimited('wrong keys from one address', failedAttempts.limit, quota)
}

/**
 * The hashes of keys that were admitted, by their headers: hashing costs more than finding them here. What a key may do, and
 * whether it is revoked, is looked up by its hash for each request.
 */
const hashes = new Map<string, SecretHash>()
const HASHES_MAX = 1_000

function remember(header: string, hash: SecretHash): void {
  if (hashes.has(header)) return
  if (hashes.size >= HASHES_MAX) hashes.clear()
  hashes.set(header, hash)
}

/** The hash of the key in an `Authorization: Bearer` header, or null. */
export function bearerCredential(header: string | undefined): SecretHash | null {
  const known = header === undefined ? undefined : hashes.get(header)
  if (known !== undefined) return known
  const token = header === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(header)?.[1]
  return token === undefined ? null : hashOf(token)
}

/** The hash of the key that a robot shows when it connects: in the header, or as `api_key` in its address. */
export function robotCredential(authorization: string | null | undefined, query: URLSearchParams): SecretHash | null {
  const key = query.get('api_key')
  return bearerCredential(authorization ?? undefined) ?? (key === null ? null : hashOf(key))
}

/**
 * Parses the body as any JSON. INVALID_JSON; INVALID_PAYLOAD when it is too deep, has too many members, or is invalid
 * in its charset; and the refusals of `readBytes`.
 */
async function readJson(c: Context): Promise<Parsed | Refusal> {
  const bytes = await readBytes(c)
  const text = isRefusal(bytes) ? bytes : decodeBody(bytes, c.req.header('content-type'))
  return isRefusal(text) ? text : parseJson(text)
}

/**
 * The body as it came, byte for byte. PAYLOAD_TOO_LARGE, where its length is announced before anything of it is read;
 * UNSUPPORTED_MEDIA_TYPE for one that is compressed.
 */
export async function readBytes(c: Context): Promise<Uint8Array<ArrayBuffer> | Refusal> {
  const coded = problemWithCoding(c)
  if (coded !== null) return coded
  if (isChunked(c)) {
    // hono's own `bodyLimit` cannot make its copy of the request on Node.
    const { bytes, isWhole } = await readCounted(c.req.raw.body, BODY_BYTES_MAX)
    return isWhole ? bytes : bodyTooLarge()
  }
  return isTooLong(c) ? bodyTooLarge() : new Uint8Array(await c.req.arrayBuffer())
}

/** UNSUPPORTED_MEDIA_TYPE for a body that is compressed, whether it would be read or not. */
function problemWithCoding(c: Context): Refusal | null {
  const coding = c.req.header('content-encoding')?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity') return null
  const message = `Content-Encoding ${cut(coding, 50)} is not read: send the body as it is`
  return refuse('UNSUPPORTED_MEDIA_TYPE', message, { accept_encoding: 'identity' })
}

/** An announced length is the body's: the HTTP parser reads no further. Any other body has to be counted. */
function isChunked(c: Context): boolean {
  return c.req.header('transfer-encoding') !== undefined || c.req.header('content-length') === undefined
}

function isTooLong(c: Context): boolean {
  return Number(c.req.header('content-length') ?? 0) > BODY_BYTES_MAX
}

function bodyTooLarge(): Refusal {
  return refuse('PAYLOAD_TOO_LARGE', `The body must not exceed ${BODY_BYTES_MAX} bytes`, { max_bytes: BODY_BYTES_MAX })
}

/** The body as the schema wants it; the refusal names each field that is not. 415 for anything but JSON. */
export async function readBody<const S extends v.GenericSchema>(
  c: Context,
  schema: S,
): Promise<v.InferOutput<S> | Refusal> {
  return validate(await readParsedBody(c), schema)
}

/** The body as any JSON. 415 for anything else. */
export async function readParsedBody(c: Context): Promise<Parsed | Refusal> {
  const type = c.req.header('content-type')
  if (type !== undefined && !/^application\/([\w.+-]+\+)?json\b/i.test(type)) {
    return refuse('UNSUPPORTED_MEDIA_TYPE', `Content-Type must be application/json, not ${type}`)
  }
  return readJson(c)
}

/** The same where the body may be left out. */
export async function readOptionalBody<const S extends v.GenericSchema>(
  c: Context,
  schema: S,
): Promise<v.InferOutput<S> | Refusal> {
  const none = c.req.header('transfer-encoding') === undefined && Number(c.req.header('content-length') ?? 0) === 0
  return none ? validate(EMPTY_BODY, schema) : readBody(c, schema)
}

const EMPTY_BODY: Parsed = { json: {}, written: {} }

/**
 * A body as the schema wants it, wherever it comes from: what only passes through has its numbers as they were written. One
 * that is read, and that a double cannot keep, is refused with its path.
 */
export function validate<const S extends v.GenericSchema>(
  body: Parsed | Refusal,
  schema: S,
): v.InferOutput<S> | Refusal {
  if (isRefusal(body)) return body
  if (!isObject(body.json)) return refuse('INVALID_PAYLOAD', 'The body must be a JSON object')
  const found: LostNumber[] = []
  const input = grafted(schema, body, found)
  const read = checkValue(schema, input)
  const lost = new Set(found.map(({ path }) => path))
  const others = 'problems' in read ? read.problems.filter(({ path }) => !lost.has(path)) : []
  return 'output' in read && lost.size === 0 ? read.output : invalidFields([...found.map(lostNumber), ...others])
}

function lostNumber({ path, token }: LostNumber): Problem {
  const message = `${token.slice(0, 50)} has more digits than can be kept here`
  return { path, message, text: `Field ${path}: ${message}` }
}

/** The page that a query asks for, as its schema has read it. INVALID_PAYLOAD for a cursor that is not of a list. */
export function pageFrom(
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): PageQuery | Refusal {
  if (cursor === undefined) return { limit }
  const after = decodeCursor(cursor)
  return after === null
    ? refuse('INVALID_PAYLOAD', 'cursor must be a next_cursor of this list', { fields: ['cursor'] })
    : { limit, after }
}

/** A page of rows that are only added, of which one more was read than it shows; `next` says whence the next one goes. */
export function ledgerPage<Row extends { readonly seq: number }>(
  rows: readonly Row[],
  { limit }: PageQuery,
  id: string,
): { readonly items: readonly Row[]; readonly next: Cursor | null } {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: last !== undefined && rows.length > limit ? { at: last.seq, id } : null }
}

/** The start of the next page, as opaque text. */
export function encodeCursor(cursor: Cursor | null): string | null {
  return cursor === null ? null : Buffer.from(`${cursor.at}:${cursor.id}`).toString('base64url')
}

function decodeCursor(text: string): Cursor | null {
  const match = /^(\d{1,16}):(.{1,300})$/s.exec(Buffer.from(text, 'base64url').toString())
  return match?.[1] === undefined || match[2] === undefined ? null : { at: Number(match[1]), id: match[2] }
}
