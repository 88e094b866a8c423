import { afterAll, describe, expect, test } from 'vitest'
import { HAS_SQLD, Sqld } from '../contract/sqld.ts'
import { crash, summary } from './crash.ts'
import { cleanUp } from './orchestrator.ts'

afterAll(cleanUp)

test('what was acknowledged survives kill -9, and is done once', async () => {
  const seed = Date.now() % 1_000_000
  const report = await crash({ kills: 5, seed })
  expect(report.problems, summary(seed, report)).toEqual([])
  expect(report.acknowledged).toBeGreaterThan(0)
})

describe.skipIf(!HAS_SQLD)('with the database on a server, the same holds when kill -9', () => {
  test.each(['orchestrator', 'database'] as const)('hits the %s', async (killed) => {
    const database = await Sqld.start()
    const seed = Date.now() % 1_000_000
    const report = await crash({ kills: 3, seed, remote: { database, killed } }).finally(() => database.remove())
    expect(report.problems, summary(seed, report)).toEqual([])
    expect(report.acknowledged).toBeGreaterThan(0)
  })
})
