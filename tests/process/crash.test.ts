import { afterAll, expect, test } from 'vitest'
import { crash, summary } from './crash.ts'
import { cleanUp } from './orchestrator.ts'

afterAll(cleanUp)

test('what was acknowledged survives kill -9, and is done once', { timeout: 120_000 }, async () => {
  const seed = Date.now() % 1_000_000
  const report = await crash({ kills: 5, seed })
  expect(report.problems, summary(seed, report)).toEqual([])
  // It was at work when it was killed.
  expect(report.acknowledged).toBeGreaterThan(50)
})
