import { afterAll, expect, test } from 'vitest'
import { OrchestratorEngine } from '../../../adapters/engine/index.ts'
import { HAS_SQLD, Sqld } from '../../contract/sqld.ts'
import { JOB } from './lab.ts'

const servers: Sqld[] = []
afterAll(() => {
  for (const server of servers) server.remove()
})

test.skipIf(!HAS_SQLD)('an engine keeps its jobs on a libSQL server, for whoever comes after it', async () => {
  const server = await Sqld.start({ locked: true })
  servers.push(server)
  const options = { database: server.url, databaseToken: server.token() }
  const engine = new OrchestratorEngine(options)
  await engine.start()
  const { port } = await engine.startHttp({ port: 0 })
  const health = await fetch(`http://127.0.0.1:${port}/healthz`)
  expect(await health.json()).toMatchObject({ durability: 'server' })
  const job = await engine.submitJob(JOB)
  await engine.stop()

  const next = new OrchestratorEngine(options)
  await next.start()
  expect(await next.getJob(job.id)).toEqual(job)
  await next.stop()
  const stranger = new OrchestratorEngine({ database: server.url })
  await expect(stranger.start()).rejects.toThrow(/wants a token/)
})
