import { afterAll, expect, test } from 'vitest'
import { CasareClient } from '../../../client/client.ts'
import { cleanUp, Orchestrator } from '../../process/orchestrator.ts'

afterAll(cleanUp)

test('a client of the default fleet makes fleets, each of which has clients of its own', async () => {
  const { http: url, admin } = await Orchestrator.start()
  const client = new CasareClient({ url, key: admin })
  const { admin_key: key } = await client.fleets.create({ name: 'acme' })
  expect((await client.fleets.list().next()).value).toEqual({ name: 'acme', path: '/fleets/acme' })
  const other = new CasareClient({ url, key, fleet: 'acme' })
  expect(await other.stats.queue()).toMatchObject({ running: 0 })
  await expect(other.fleets.create({ name: 'inner' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})
