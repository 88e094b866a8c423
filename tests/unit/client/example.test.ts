import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { cleanUp, Orchestrator } from '../../process/orchestrator.ts'
import { Program } from '../../process/program.ts'

/** The code samples in docs/CLIENT.md form one program, with the documented output. */

afterAll(cleanUp)

const textOf = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

test('docs/CLIENT.md and tests/unit/client/example.ts are the same program', () => {
  const blocks = [...textOf('../../../docs/CLIENT.md').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code)
  expect(blocks.length).toBeGreaterThan(4)
  expect(blocks.join('\n')).toBe(textOf('example.ts'))
})

test('the program runs against a real orchestrator with a real robot', async () => {
  const server = await Orchestrator.start({ robot: true })
  const program = new Program('tests/unit/client/example.ts', [], { CASARE_URL: server.http, CASARE_KEY: server.admin })
  expect(await program.exited, program.err).toBe(0)
  await program.closed
  const [ended, ...lines] = program.out.replace(/\{.*?\}/s, '{}').trimEnd().split('\n')
  expect(ended).toBe('completed {}')
  expect(lines).toEqual([
    '201 queued',
    '404 NOT_FOUND',
    'true completed',
    expect.stringMatching(/^INFO /),
    expect.stringMatching(/^submit, offer, accept, complete$/),
    "No known robot has the tag sap. [ 'reference-robot had the tags sap' ]",
    'CONFLICT 409 null',
    "{ id: 9007199254740993n, rate: ExactNumber { text: '1e400' } }",
  ])
  expect(program.err).toBe('')
})
