import type { Result, Router } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'

/** More than any address has; callers may make up others. */
const METHODS_MAX = 10

/**
 * A router that remembers what is at each path without parameters. hono's fastest router refuses an API in which a path such
 * as `/jobs/batch` stands beside `/jobs/:id/cancel`, and the one that takes it searches anew for each request.
 */
export class FixedPaths<T> implements Router<T> {
  readonly name = 'FixedPaths'
  readonly #router = new TrieRouter<T>()
  /** The matches at each path without parameters so far, by method. */
  readonly #fixed = new Map<string, Map<string, Result<T>>>()

  add(method: string, path: string, handler: T): void {
    this.#router.add(method, path, handler)
    if (!/[:*]/.test(path)) this.#fixed.set(path, new Map())
  }

  match(method: string, path: string): Result<T> {
    const known = this.#fixed.get(path)
    if (known === undefined) return this.#router.match(method, path)
    const found = known.get(method) ?? this.#router.match(method, path)
    if (known.size < METHODS_MAX) known.set(method, found)
    return found
  }
}
