import * as v from 'valibot'
import type { JsonObject, Parsed } from '../base/json.ts'
import type { Scope } from '../records/key.ts'
import type { Address, Addresses } from './paths.ts'

/** The properties of a route besides its address. */
interface Terms {
  /** The scope that the key needs: one of these. null: no key is needed. */
  readonly scope: Scope | readonly Scope[] | null
  /** The key of a robot will do, too, for the jobs that the robot runs. */
  readonly orRobot?: true
  /** For `docs/API.md` and OpenAPI: a sentence or two, in Markdown. */
  readonly summary: string
  /** The query parameters, each as text that the schema reads. Others are refused by name. */
  readonly query?: v.StrictObjectSchema<v.ObjectEntries, undefined>
  readonly body?: v.GenericSchema
  /** The handler checks the body itself: parts of it may be wrong without the rest being refused. */
  readonly checksBody?: true
  readonly answer: v.GenericSchema
  /** The status of an answer that is not a refusal. Default 200. */
  readonly status?: 200 | 201 | 202
  /** A handler may answer with this status instead. */
  readonly otherStatus?: 200 | 202
  /** The list in which the answer stands by its id: gives the `Location` of what was made or changed. */
  readonly location?: string
  /** Counts as a submission: the answer says what is left of the limit. */
  readonly countsAsSubmission?: true
  /** A paged list whose cursor its own query schema reads. */
  readonly ownCursor?: true
  /** Answers with an `ETag`, and with 304 if the caller's copy is current. */
  readonly tagged?: true
}

/** A route, whole. */
export type Route = Address & Terms
export type Contract = Readonly<Record<string, Route>>

/** Adds to each address what it takes and gives. One that is left out, or has no address, does not compile. */
export function contract<
  const A extends Addresses,
  const T extends { readonly [N in keyof A]: TermsOf<A[N]> },
>(addresses: A, terms: T & { readonly [N in Exclude<keyof T, keyof A>]: never }): {
  readonly [N in keyof A]: A[N] & T[N]
} {
  const routes = Object.entries<Address>(addresses).map(([name, address]) => [name, { ...address, ...terms[name] }])
  return Object.fromEntries(routes) as never
}

/** A body has a schema where the address says that there is one. */
type TermsOf<A extends Address> = A extends { readonly takes: string } ? Terms & { readonly body: v.GenericSchema }
  : Terms & { readonly body?: never }

/** Every status of an answer that is no refusal. */
export function statusesOf({ status = 200, otherStatus, also }: Route): readonly number[] {
  return [status, otherStatus, also].filter((one) => one !== undefined)
}

/** The scopes of which a key needs one; empty: no key is asked for. */
export function scopesOf({ scope }: Route): readonly Scope[] {
  if (scope === null) return []
  return typeof scope === 'string' ? [scope] : scope
}

/** The names in `{braces}` of a path. */
export type ParamsOf<R extends Address> = NamesIn<R['at']>
type NamesIn<P extends string> = P extends `${string}{${infer N}}${infer Rest}` ? N | NamesIn<Rest> : never

/** The body as a handler gets it: checked, or only parsed where the handler checks it. */
export type BodyOf<R> = R extends { readonly checksBody: true } ? Parsed
  : R extends { readonly body: infer S extends v.GenericSchema } ? v.InferOutput<S>
  : undefined
/** A body as its senders write it: what has a default may be left out, and no object is too special to be sent. */
export type InputOf<S extends v.GenericSchema> = { readonly [K in keyof v.InferInput<S>]: Loose<v.InferInput<S>[K]> }
type Loose<V> = V extends JsonObject ? object : V extends (infer Item)[] ? readonly Item[] : V
/** The query as a handler gets it. */
export type QueryOf<R> = R extends { readonly query: infer S extends v.GenericSchema } ? v.InferOutput<S> : undefined
/** The answer of a route, apart from refusals. */
export type AnswerOf<R> = R extends { readonly answer: infer S extends v.GenericSchema } ? v.InferOutput<S> : never

/** One page of a list. */
export function pageOf<S extends v.GenericSchema>(
  item: S,
): v.StrictObjectSchema<
  { readonly items: v.ArraySchema<S, undefined>; readonly next_cursor: typeof cursorOut },
  undefined
> {
  return v.strictObject({ items: v.array(item), next_cursor: cursorOut })
}

/** The cursor of the next page; null on the last. */
const cursorOut = v.nullable(v.string())
