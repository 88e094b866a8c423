import { afterAll, expect, test } from 'vitest'
import { CasareClient, ExactNumber, parseExact } from '../../../client/client.ts'
import { cleanUp, Orchestrator } from '../../process/orchestrator.ts'

afterAll(cleanUp)

test('every digit comes and goes, where answers are read by parseExact', async () => {
  const server = await Orchestrator.start()
  const client = new CasareClient({ url: server.http, key: server.admin })
  const exact = new CasareClient({ url: server.http, key: server.admin, parse: parseExact })
  const parameters = { id: 9007199254740993n, huge: new ExactNumber('1e400'), one: 1 }
  const job = await client.jobs.submit({ workflow_json: { format: 'custom' }, workflow_name: 'Numbers', parameters })
  expect((await exact.jobs.get(job.id)).parameters).toEqual(parameters)
  expect((await client.jobs.get(job.id)).parameters).toEqual({ id: 9007199254740992, huge: Infinity, one: 1 })
})
