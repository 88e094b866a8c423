/** The fleet at the root paths. */
export const DEFAULT_FLEET = 'default'

/** What a fleet may be called: it stands in paths, and in the names of files. */
export const FLEET_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/

/**
 * Whose a path is, and what is left of it: `/fleets/acme/api/v1/jobs` is `/api/v1/jobs` of `acme`, and everything else is
 * the default fleet's. Null for a name that no fleet can have.
 */
export function splitFleetPath(path: string): { readonly fleet: string; readonly path: string } | null {
  if (path !== '/fleets' && !path.startsWith('/fleets/')) return { fleet: DEFAULT_FLEET, path }
  const [, , fleet = '', ...rest] = path.split('/')
  return FLEET_NAME.test(fleet) ? { fleet, path: `/${rest.join('/')}` } : null
}
