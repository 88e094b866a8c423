import { sha256 } from '../crypto/secrets.ts'
import { type Store, StoreDamaged } from './contract.ts'
import { mapErrors } from './rethrow.ts'
import { throwDamaged } from './rows.ts'
import type { DefinitionRow } from '../../core/records/workflow.ts'

/**
 * A store that compares definitions with their hashes as they are read, in memory or not, so that a definition which
 * was changed in the database does not reach a robot. `onDamage` is called with every sign of damage, also when it was
 * found by a query.
 */
export function verifiedStore(store: Store, onDamage: (error: StoreDamaged) => void): Store {
  const { queries } = store
  const checked: Store = {
    ...store,
    async load(dueUntil, recentSince) {
      const rows = await store.load(dueUntil, recentSince)
      for (const definition of rows.definitions) check(definition)
      return rows
    },
    prefetch(need) {
      const found = store.prefetch(need)
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
  return mapErrors(checked, (error) => {
    if (error instanceof StoreDamaged) onDamage(error)
    return error
  })
}

function all<F extends { readonly definitions: readonly DefinitionRow[] }>(found: F): F {
  for (const definition of found.definitions) check(definition)
  return found
}

function check({ hash, json }: DefinitionRow): void {
  if (sha256(json) !== hash) throwDamaged(`the workflow definition ${hash.slice(0, 12)}… is not the one of this hash`)
}
