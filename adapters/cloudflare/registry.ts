import { DEFAULT_FLEET } from '../fleet/path.ts'
import type { WorkerEnv } from './env.ts'

/** Fleets known to exist, cached here: fleets are never deleted. */
const existing = new Set<string>()

/** The size of that cache; further names are looked up each time. */
const REMEMBERED_MAX = 10_000

/**
 * True if a fleet of this name exists, by the list in the default fleet. Calling an object creates it, so an object is
 * called only after this check.
 */
export async function fleetExists(env: WorkerEnv, name: string): Promise<boolean> {
  if (name === DEFAULT_FLEET || existing.has(name)) return true
  const found = await env.FLEETS.get(env.FLEETS.idFromName(DEFAULT_FLEET)).hasFleet(name)
  if (found && existing.size < REMEMBERED_MAX) existing.add(name)
  return found
}
