import { DEFAULT_FLEET } from '../fleet/path.ts'
import type { WorkerEnv } from './env.ts'

/** Fleets that are known to have been made, here: they are never unmade. */
const existing = new Set<string>()

/** More names than these are asked for each time. */
const REMEMBERED_MAX = 10_000

/**
 * Whether there is a fleet of this name: the default one has the list. An object comes to be by being asked, so it is not asked
 * before this is known.
 */
export async function fleetExists(env: WorkerEnv, name: string): Promise<boolean> {
  if (name === DEFAULT_FLEET || existing.has(name)) return true
  const found = await env.FLEETS.get(env.FLEETS.idFromName(DEFAULT_FLEET)).hasFleet(name)
  if (found && existing.size < REMEMBERED_MAX) existing.add(name)
  return found
}
