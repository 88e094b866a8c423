import { isFleetName } from '../../core/base/fleet-name.ts'

/** The fleet at the root paths. No other can have its name; `/fleets/default/…` leads to it as well. */
export const DEFAULT_FLEET = 'default'

const FLEETS = '/fleets/'

/** The fleet of a path, and the prefix that names it: empty for the root paths. */
export interface FleetPath {
  readonly name: string
  readonly base: string
}

const ROOT: FleetPath = { name: DEFAULT_FLEET, base: '' }

/** Splits `/fleets/{name}/rest`; null if the name is invalid. Every other path belongs to the default fleet. */
export function fleetPath(path: string): FleetPath | null {
  if (!path.startsWith(FLEETS)) return ROOT
  const end = path.indexOf('/', FLEETS.length)
  const name = path.slice(FLEETS.length, end === -1 ? path.length : end)
  return isFleetName(name) ? { name, base: FLEETS + name } : null
}
