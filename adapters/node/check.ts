import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fleetFiles } from './fleet-files.ts'
import type { Options } from './options.ts'
import { Problem } from './problem.ts'
import { StoreUnusable } from '../store/contract.ts'
import { inspect } from '../store/inspect.ts'
import { lockFolder } from '../store/lock.ts'

/**
 * Checks every database in a data folder that no orchestrator is using. Calls `print` with a line for each. Returns
 * true if all of them are sound. Throws `Problem` or `StoreUnusable` when the check is impossible.
 */
export async function checkFolder(options: Options, print: (line: string) => void): Promise<boolean> {
  if (options.database !== '') throw new Problem('--check reads files: a server has means of its own')
  const data = resolve(options.data)
  const fleets = join(data, 'fleets')
  const paths = [
    join(data, 'orchestrator.db'),
    ...(await fleetFiles(fleets, 'full').names()).toSorted().map((name) => join(fleets, `${name}.db`)),
  ]
  if (!existsSync(data)) throw new Problem(`there is no folder ${data}`)
  const lock = lockFolder(data)
  let isSound = true
  try {
    for (const path of paths) {
      try {
        const rows = existsSync(path) ? inspect(path) : missing(path)
        print(
          rows === null
            ? `${path}: sound, as far as its structure goes: a start upgrades it`
            : `${path}: sound (${rows} rows)`,
        )
      } catch (error) {
        if (!(error instanceof StoreUnusable)) throw error
        isSound = false
        print(error.message)
      }
    }
  } finally {
    lock.release()
  }
  return isSound
}

function missing(path: string): never {
  throw new StoreUnusable(`${path} is missing`)
}
