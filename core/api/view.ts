/** Types that several answers of the HTTP API share. */

/** Any JSON object: parameters, results, capabilities. */
export type Anything = Readonly<Record<string, unknown>>

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[]
  /** The cursor of the next page; null on the last. */
  readonly next_cursor: string | null
}
