import { type Queries, type Store, StoreDamaged, StoreUnusable } from './contract.ts'

/** Wraps a store so that its errors are mapped. Synchronous results stay synchronous. */
export function mapErrors(store: Store, map: (error: unknown) => unknown): Store {
  function guarded<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R {
    return (...args) => {
      try {
        const result = work(...args)
        if (!(result instanceof Promise)) return result
        return result.catch((error: unknown) => {
          throw map(error)
        }) as R
      } catch (error) {
        throw map(error)
      }
    }
  }
  const queries = Object.entries(store.queries).map(([name, query]) => [name, guarded(query as () => Promise<unknown>)])
  return {
    load: guarded(store.load),
    prefetch: guarded(store.prefetch),
    commit: guarded(store.commit),
    overlaps: store.overlaps === true,
    ...(store.grownWal === undefined ? {} : { grownWal: store.grownWal }),
    queries: Object.fromEntries(queries) as Queries,
    close: store.close,
  }
}

/** Puts the name of the database before the message of a store error. Other errors are returned unchanged. */
export function withDatabaseName(name: string, error: unknown): unknown {
  if (!(error instanceof StoreUnusable)) return error
  const Kind = error instanceof StoreDamaged ? StoreDamaged : StoreUnusable
  return new Kind(`${name} ${error.message}`, { cause: error })
}
