/**
 * The half of the contract that everybody needs: what each route is called, its method and its path. It has no schema and
 * imports nothing, so that the client stays small. The other half is `contract()` in each file beside this one.
 */

/** A route as its caller sees it. */
export interface Address {
  /** Method and path. */
  readonly at: `${Method} /${string}`
  /** Whether it takes a body. */
  readonly bodyIs?: 'required' | 'optional'
  /** It answers a page of a list at a time. */
  readonly paged?: true
  /** Doing it twice is doing it once. Always so for GET, PUT and DELETE. */
  readonly repeatable?: true
  /** It takes an `Idempotency-Key`, and with the same one is done once. */
  readonly idempotent?: true
}
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'
export type Addresses = Readonly<Record<string, Address>>

export const PATHS = {
  keys: {
    create: { at: 'POST /api/v1/keys', bodyIs: 'required' },
    list: { at: 'GET /api/v1/keys', paged: true },
    revoke: { at: 'DELETE /api/v1/keys/{id}' },
  },
  pools: {
    create: { at: 'POST /api/v1/pools', bodyIs: 'required' },
    list: { at: 'GET /api/v1/pools', paged: true },
  },
} as const satisfies Readonly<Record<string, Addresses>>
