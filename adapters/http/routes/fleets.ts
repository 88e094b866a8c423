import { Hono } from 'hono'
import * as v from 'valibot'
import { isRefusal, type Refusal } from '../../../core/base/refusal.ts'
import { isFleetName } from '../../fleet/path.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { type HonoEnv, readBody, requireScope } from '../kit/request.ts'
import { refused } from '../kit/response.ts'

/** The fleets of an installation, besides the default one. */
export interface FleetRegistry {
  /** Creates a fleet with its first admin key, which is returned only here. CONFLICT if it exists. */
  create(name: string): Promise<{ readonly adminKey: string } | Refusal>
  /** Every name, in alphabetical order. */
  names(): Promise<readonly string[]>
}

const NewFleet = v.strictObject({
  name: v.pipe(
    v.string(),
    v.check(isFleetName, 'must be 1 to 63 lower-case letters, digits or hyphens, and not begin with a hyphen'),
  ),
})

/** `/api/v1/fleets`, with the default fleet's keys. What is inside another fleet is seen with its own keys only. */
export function fleetRoutes(fleet: Fleet, fleets: FleetRegistry): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  const admin = requireScope(fleet, 'admin')

  app.post('/', admin, async (c) => {
    const body = await readBody(c, NewFleet)
    if (isRefusal(body)) return refused(c, body)
    const made = await fleets.create(body.name)
    if (isRefusal(made)) return refused(c, made)
    const path = `/fleets/${body.name}`
    return c.json({ name: body.name, path, admin_key: made.adminKey }, 201, { Location: path })
  })

  app.get('/', admin, async (c) => {
    const items = (await fleets.names()).map((name) => ({ name, path: `/fleets/${name}` }))
    return c.json({ items, next_cursor: null })
  })

  return app
}
