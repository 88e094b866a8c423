import { Hono } from 'hono'
import { isRefusal } from '../../core/protocol/refusal.ts'
import { DEFAULT_FLEET, fleetPath } from '../fleet-path.ts'
import type { Fleet } from '../fleet.ts'
import type { FleetHost } from '../fleets.ts'
import { STRANGER, visitorTo } from '../visitor.ts'
import { type About, httpApp } from './app.ts'
import { bearer, type Env } from './request.ts'
import { refused } from './respond.ts'

/**
 * The HTTP surface of all fleets of one process: the default fleet's, which leaves `/fleets/…` to the others. Every other
 * path is routed as if there were none.
 */
export function hostApp(root: Fleet, host: FleetHost, about: About): Hono<Env> {
  const app = httpApp(root, about, { fleets: host })
  const alias = httpApp(root, about, { fleets: host, base: `/fleets/${DEFAULT_FLEET}` })
  const apps = new WeakMap<Fleet, Hono<Env>>()
  let lobby: Hono<Env> | undefined

  function appOf(fleet: Fleet, base: string): Hono<Env> {
    let known = apps.get(fleet)
    if (known === undefined) apps.set(fleet, known = httpApp(fleet, about, { base, hidden: true }))
    return known
  }

  app.all('/fleets/*', async (c) => {
    const at = fleetPath(c.req.path)
    // The pattern also matches `/fleets`, which is nobody's.
    if (at === null || at.base === '') return c.notFound()
    if (at.name === DEFAULT_FLEET) return alias.fetch(c.req.raw)
    const visitor = visitorTo(c.req.path.slice(at.base.length), bearer(c.req.header('authorization')))
    const used = await host.use(at.name, visitor)
    if (used === STRANGER) {
      lobby ??= httpApp(await host.lobby(), about, { anywhere: true, hidden: true })
      return lobby.fetch(c.req.raw)
    }
    if (isRefusal(used)) return refused(c, used)
    try {
      return await appOf(used.fleet, at.base).fetch(c.req.raw)
    } finally {
      used.done()
    }
  })
  return app
}
