import { keys } from '../../../core/api/keys.ts'
import type { KeyId } from '../../../core/base/ids.ts'
import { isRefusal, refuse } from '../../../core/base/refusal.ts'
import { Key } from '../../../core/records/key.ts'
import { hashOf, newKey } from '../../crypto/secrets.ts'
import { handlers, pageOfRows } from '../kit/serve.ts'

export const keyHandlers = handlers(keys, {
  create: async ({ fleet, send, body: { name, scopes, robot_id } }) => {
    if (robot_id !== null && !scopes.includes('robots:connect')) {
      const message = 'robot_id is for keys with the scope robots:connect'
      return refuse('INVALID_PAYLOAD', message, { fields: ['robot_id'] })
    }
    const secret = newKey()
    const id = fleet.platform.rowId() as KeyId
    const reply = await send({ type: 'key.created', key: id, name, secret: hashOf(secret), scopes, robot: robot_id })
    // The key is shown only here; its hash is stored.
    return isRefusal(reply) ? reply : { ...Key.show(reply.key), key: secret }
  },
  list: async ({ fleet, page }) => pageOfRows(await fleet.queries.keys(page), Key.show),
  revoke: async ({ send, id }) => {
    const reply = await send({ type: 'key.revoked', key: id as KeyId })
    return isRefusal(reply) ? reply : Key.show(reply.key)
  },
})
