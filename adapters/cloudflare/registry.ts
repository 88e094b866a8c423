import { DEFAULT_FLEET } from '../fleet-path.ts'
import type { Env } from './env.ts'

/** Fleets that are known to have been made, here: they are never unmade. */
const made = new Set<string>()

/** More names than these are asked for each time. */
const MADE_MAX = 10_000

/**
 * Whether there is a fleet of this name: the default one has the list. An object comes to be by being asked, so it is not asked
 * before this is known.
 */
export async function isMade(env: Env, name: string): Promise<boolean> {
  if (name === DEFAULT_FLEET || made.has(name)) return true
  const found = await env.FLEETS.get(env.FLEETS.idFromName(DEFAULT_FLEET)).hasMade(name)
  if (found && made.size < MADE_MAX) made.add(name)
  return found
}
