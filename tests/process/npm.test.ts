import { afterAll, expect, test } from 'vitest'
import { cleanUp, newFolder, Program } from './program.ts'

afterAll(cleanUp)

test('npm start, ended by Ctrl-C in its terminal, ends with 0', async () => {
  const args = ['--data', newFolder(), '--http-port', '0', '--robot-port', '0']
  const program = new Program('npm start', args)
  await program.printed(/waiting for jobs/)
  program.signal('SIGINT', 'group')
  expect(await program.exited).toBe(0)
  expect(program.out).toContain('Stopping')
})

test('npx deno task start passes its arguments on', async () => {
  const program = new Program('npx deno task start', ['--help'])
  expect(await program.exited).toBe(0)
  await program.closed
  expect(program.out).toMatch(/^Usage: deno task start \[options\]\n/)
})
