import { Hono } from 'hono'
import { isRefusal } from '../../core/base/refusal.ts'
import { DEFAULT_FLEET, fleetPath } from '../fleet/path.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { FleetHost } from './fleets.ts'
import { requestIdentity, UNKNOWN_KEY } from './access-list.ts'
import { httpApp } from '../http/app.ts'
import type { About } from '../http/routes/health.ts'
import type { HonoEnv } from '../http/kit/env.ts'
import { bearerCredential } from '../http/kit/request.ts'
import { refused } from '../http/kit/response.ts'

/**
 * The HTTP surface of all fleets of a process: the default fleet's, with `/fleets/…` for the others. Any other path is
 * routed as if there were only one fleet.
 */
export function hostApp(root: Fleet, host: FleetHost, about: About): Hono<HonoEnv> {
  const app = httpApp(root, about, { fleets: host })
  const alias = httpApp(root, about, { fleets: host, base: `/fleets/${DEFAULT_FLEET}` })
  const apps = new WeakMap<Fleet, Hono<HonoEnv>>()
  let emptyFleetApp: Hono<HonoEnv> | undefined

  function appOf(fleet: Fleet, base: string): Hono<HonoEnv> {
    let known = apps.get(fleet)
    if (known === undefined) apps.set(fleet, known = httpApp(fleet, about, { base, hidden: true }))
    return known
  }

  app.all('/fleets/*', async (c) => {
    const at = fleetPath(c.req.path)
    // The pattern also matches `/fleets`, which names no fleet.
    if (at === null || at.base === '') return c.notFound()
    if (at.name === DEFAULT_FLEET) return alias.fetch(c.req.raw)
    const identity = requestIdentity(c.req.path.slice(at.base.length), bearerCredential(c.req.header('authorization')))
    const handle = await host.acquire(at.name, identity)
    if (handle === UNKNOWN_KEY) {
      emptyFleetApp ??= httpApp(await host.emptyFleet(), about, { anyFleet: true, hidden: true })
      return emptyFleetApp.fetch(c.req.raw)
    }
    if (isRefusal(handle)) return refused(c, handle)
    try {
      return await appOf(handle.fleet, at.base).fetch(c.req.raw)
    } finally {
      handle.release()
    }
  })
  return app
}
