import type * as v from 'valibot'
import type { InputOf } from '../core/api/route.ts'
import type { Address, Addresses } from '../core/api/paths.ts'
import type { AnswerOf, Route } from '../core/api/route.ts'
import type { Plain } from '../core/records/record.ts'
import { newIdempotencyKey } from './idempotency.ts'
import type { CallOptions, Query, Transport } from './transport.ts'

/** A method for each route of a contract, typed by it: the names in the path, the body if there is one, and options. */
export type ClientOf<C> = { readonly [N in keyof C]: C[N] extends Route ? Call<C[N]> : never }

type Call<R extends Route> = (
  ...given: [...IdsIn<R['at']>, ...BodyIn<R>, options?: OptionsOf<R>]
) => R extends { readonly paged: true } ? AsyncGenerator<ItemOf<AnswerOf<R>>, void, undefined> : Promise<AnswerOf<R>>

type IdsIn<P extends string> = P extends `${string}{${string}}${infer Rest}` ? [id: string, ...IdsIn<Rest>] : []

type BodyIn<R> = R extends { readonly takes: infer Takes; readonly body: infer S extends v.GenericSchema }
  ? Takes extends 'body?' ? [body?: InputOf<S>] : [body: InputOf<S>]
  : []

type ItemOf<A> = A extends { readonly items: readonly (infer Item)[] } ? Item : never

/** The options of a method, besides the parameters of its path and a body. */
export type OptionsOf<R> =
  & CallOptions
  & (R extends { readonly query: infer S extends v.GenericSchema } ? QueryIn<v.InferOutput<S>> : object)
  & (R extends { readonly idempotent: true } ? Idempotency : object)

/** The filters of a list. The client handles `cursor` itself. */
type QueryIn<Q> = {
  readonly [K in keyof Q as K extends 'cursor' ? never : K]?: OneOrMore<Plain<NonNullable<Q[K]>>> | undefined
}
type OneOrMore<T> = T extends readonly (infer Item)[] ? Item | readonly Item[] : T

interface Idempotency {
  /**
   * Identifies the request: sending it again with the same key has no further effect. Without a key, every call is a
   * new request.
   */
  readonly idempotencyKey?: string | undefined
}

/** Makes the methods of a contract from its addresses. `base` is what stands before `/api`. */
export function clientOf<C>(
  transport: Transport,
  base: string,
  addresses: Addresses & { readonly [N in keyof C]: Address },
): ClientOf<C> {
  const methods = Object.entries<Address>(addresses).map(([name, address]) => [name, caller(transport, base, address)])
  return Object.fromEntries(methods) as ClientOf<C>
}

interface GivenOptions extends CallOptions, Idempotency {
  readonly [parameter: string]: unknown
}

function caller(
  transport: Transport,
  base: string,
  { at: address, takes, paged, repeatable, idempotent, also }: Address,
) {
  const [method, path = ''] = address.split(' ') as ['GET' | 'POST' | 'PUT' | 'DELETE', string]
  const names = path.match(/\{\w+\}/g) ?? []
  return (...given: readonly unknown[]): unknown => {
    const url = names.reduce(
      (at, name, i) => at.replace(name, () => encodeURIComponent(given[i] as string)),
      base + path,
    )
    const rest = given.slice(names.length)
    const body = takes === undefined ? undefined : rest.shift() as object | undefined
    const { signal, idempotencyKey = newIdempotencyKey(), ...query } = (rest[0] ?? {}) as GivenOptions
    if (paged === true) return transport.list(url, query as Query, { signal })
    const headers = idempotent === true ? { 'Idempotency-Key': idempotencyKey } : {}
    const isRepeatable = repeatable === true || idempotent === true
    return transport.send(method, url, { body, query: query as Query, headers, repeatable: isRepeatable, signal, also })
  }
}
