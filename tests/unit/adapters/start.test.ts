import { afterAll, expect, test } from 'vitest'
import { Problem, start } from '../../../adapters/node/index.ts'
import { CasareClient } from '../../../client/client.ts'
import { cleanUp, newFolder } from '../../process/program.ts'

/** `casare-orchestrator/node`: what the command starts, inside a program. */

afterAll(cleanUp)

test('it starts, is used, stops, and starts again with what it had', async () => {
  const options = { data: newFolder(), httpPort: 0, robotPort: 0, robot: false }
  const first = await start(options)
  const client = new CasareClient({ url: first.http, key: first.keys?.admin })
  const job = await client.jobs.submit({ workflow_id: 'greeting' })
  expect(first.banner).toContain(first.robots)
  await Promise.all([first.stop(), first.stop()])

  const second = await start(options)
  expect(second.keys).toBe(null)
  const again = new CasareClient({ url: second.http, key: first.keys?.admin })
  expect(await again.jobs.get(job.id)).toMatchObject({ status: 'queued' })
  await second.stop()
})

test('a start that fails leaves nothing open', async () => {
  const options = { data: newFolder(), robotPort: 0, robot: false }
  const other = await start({ ...options, data: newFolder(), httpPort: 0 })
  const httpPort = Number(new URL(other.http).port)
  await expect(start({ ...options, httpPort })).rejects.toThrow(Problem)
  await other.stop()
  await (await start({ ...options, httpPort })).stop()
  await expect(start({ settings: 'none.json' })).rejects.toThrow(/^the settings file none.json cannot be read/)
})
