import type { DefinitionRow } from '../../core/state.ts'
import { sha256 } from '../secret.ts'
import { type Store, StoreDamaged } from './contract.ts'
import { rethrowing } from './rethrow.ts'
import { damaged } from './rows.ts'

/**
 * A store whose definitions are compared with their hashes as they are read, wherever the rows are: what has been changed
 * in the database by whomever does not reach a robot. `alarm` is called with whatever shows that it is damaged, also when
 * only a person has asked.
 */
export function trusted(store: Store, alarm: (error: StoreDamaged) => void): Store {
  const { queries } = store
  const checked: Store = {
    ...store,
    async load(dueUntil, recentSince) {
      const hot = await store.load(dueUntil, recentSince)
      for (const definition of hot.definitions) check(definition)
      return hot
    },
    find(need) {
      const found = store.find(need)
      if (!(found instanceof Promise)) return all(found)
      return found.then(all)
    },
    queries: {
      ...queries,
      async definition(hash) {
        const json = await queries.definition(hash)
        if (json !== undefined) check({ hash, json })
        return json
      },
    },
  }
  return rethrowing(checked, (error) => {
    if (error instanceof StoreDamaged) alarm(error)
    return error
  })
}

function all<F extends { readonly definitions: readonly DefinitionRow[] }>(found: F): F {
  for (const definition of found.definitions) check(definition)
  return found
}

function check({ hash, json }: DefinitionRow): void {
  if (sha256(json) !== hash) damaged(`the workflow definition ${hash.slice(0, 12)}… is not the one of this hash`)
}
