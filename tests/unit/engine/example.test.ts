import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { cleanUp, newFolder, Program } from '../../process/program.ts'

/** The code samples in docs/ENGINE.md form one program, with the documented output. */

afterAll(cleanUp)

const textOf = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

test('docs/ENGINE.md and tests/unit/engine/example.ts are the same program', () => {
  const blocks = [...textOf('../../../docs/ENGINE.md').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code)
  expect(blocks.length).toBeGreaterThan(9)
  expect(blocks.join('\n')).toBe(textOf('example.ts'))
})

test('the program runs, with a real robot on a real socket', async () => {
  const program = new Program('tests/unit/engine/example.ts', [], { ROBOT_PORT: '0', XDG_STATE_HOME: newFolder() })
  expect(await program.exited, program.err).toBe(0)
  await program.closed
  expect(program.out.trimEnd().split('\n')).toEqual([
    expect.stringMatching(/^Job ID: [0-9a-f-]{36}$/),
    "completed { customer: 'CUST-001' }",
    'DUPLICATE_JOB true',
    'completed',
    'NOT_FOUND',
    'Cancelled: true',
    'failed Element not found: #submit',
    'Retried: true failed',
    'Production Robot 1 offline robot-1 online, robot-uuid offline',
    'ROBOT_TAG_MISSING, ROBOT_OFFLINE',
    expect.stringMatching(/^Generate Daily Report 20\d\d-\d\d-\d\dT1[34]:00:00.000Z$/),
    '1 { critical: 0, high: 0, normal: 1, low: 0 }',
    '2 1 1 least_loaded',
    'Daily Report',
  ])
  expect(program.err).toBe('')
})
