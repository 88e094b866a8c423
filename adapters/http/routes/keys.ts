import { Hono } from 'hono'
import type { KeyId } from '../../../core/base/ids.ts'
import { isRefusal, refuse } from '../../../core/base/refusal.ts'
import { NewKey } from '../../../core/api/request.ts'
import type { NewKeyView } from '../../../core/api/view.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { hashOf, newKey } from '../../crypto/secrets.ts'
import { encodeCursor, type HonoEnv, pageQuery, readBody, requireScope } from '../kit/request.ts'
import { refused, respond } from '../kit/response.ts'
import { keyView } from '../../views/records.ts'

/** `/api/v1/keys`: one for each robot and each program, revoked one by one. */
export function keyRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  const admin = requireScope(fleet, 'admin')

  app.post('/', admin, async (c) => {
    const body = await readBody(c, NewKey)
    if (isRefusal(body)) return refused(c, body)
    if (body.robot_id !== null && !body.scopes.includes('robots:connect')) {
      const message = 'robot_id is for keys with the scope robots:connect'
      return refused(c, refuse('INVALID_PAYLOAD', message, { fields: ['robot_id'] }))
    }
    const secret = newKey()
    const answer = await fleet.request((reply) => ({
      type: 'key.created',
      reply,
      key: fleet.platform.rowId() as KeyId,
      name: body.name,
      secret: hashOf(secret),
      scopes: body.scopes,
      robot: body.robot_id,
    }))
    // The key is shown this once: what is kept is its hash.
    return respond(c, answer, 'key', ({ key }) => c.json({ ...keyView(key), key: secret } satisfies NewKeyView, 201))
  })

  app.get('/', admin, async (c) => {
    const query = pageQuery(c)
    if (isRefusal(query)) return refused(c, query)
    const page = await fleet.queries.keys(query)
    return c.json({ items: page.items.map(keyView), next_cursor: encodeCursor(page.next) })
  })

  app.delete('/:id', admin, async (c) => {
    const key = c.req.param('id') as KeyId
    return respond(
      c,
      await fleet.request((reply) => ({ type: 'key.revoked', reply, key })),
      'key',
      ({ key: saved }) => c.json(keyView(saved)),
    )
  })

  return app
}
