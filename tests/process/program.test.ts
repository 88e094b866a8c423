import { afterAll, expect, test } from 'vitest'
import { cleanUp, Program } from './program.ts'

afterAll(cleanUp)

test('what a process leaves behind when it ends by itself goes with it', async () => {
  const program = new Program('sh', ['-c', 'sleep 300 & echo started'])
  await program.printed(/started/)
  expect(await program.exited).toBe(0)
  // It has the output open still, so this would wait for five minutes.
  await program.killTree()
})
