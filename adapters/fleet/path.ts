/** The fleet at the root paths. No other can have its name, and `/fleets/default/…` is its too. */
export const DEFAULT_FLEET = 'default'

const FLEETS = '/fleets/'

/** Which fleet a path belongs to, and the part of the path that says so: empty for the root paths. */
export interface FleetPath {
  readonly name: string
  readonly base: string
}

const ROOT: FleetPath = { name: DEFAULT_FLEET, base: '' }

/** Whether a fleet may have this name. Names stand in paths, in file names, and in names of Durable Objects. */
export function isFleetName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(text)
}

/** Splits `/fleets/{name}/rest`; null when that can be no fleet's name. Everything else is the default fleet's. */
export function fleetPath(path: string): FleetPath | null {
  if (!path.startsWith(FLEETS)) return ROOT
  const end = path.indexOf('/', FLEETS.length)
  const name = path.slice(FLEETS.length, end === -1 ? path.length : end)
  return isFleetName(name) ? { name, base: FLEETS + name } : null
}
