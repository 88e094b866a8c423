import { existsSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import pkg from '../../package.json' with { type: 'json' }
import { OLD_NODE, OLD_NODE_LINE } from './old-node.ts'
import { cleanUp, Program } from './program.ts'

/** The message for a user whose Node is older than the package needs. */

afterAll(cleanUp)

// Nothing here depends on the runtime that the other tests of this folder start.
describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64' || process.env['RUNTIME'] === 'deno')(
  'Node 18',
  () => {
    test('is installed for this', () => expect(existsSync(OLD_NODE)).toBe(true))

    test.each([
      ['casare', ['cli/bin.ts', '--version']],
      ['casare start', ['cli/bin.ts', 'start', '--no-robot']],
      ['npm start', pkg.scripts.start.split(' ').slice(-1)],
    ])('%s says in one line what is needed', async (_name, args) => {
      const program = new Program(OLD_NODE, ['--import', 'tsx', ...args])
      await program.closed
      expect(program.err).toMatch(OLD_NODE_LINE)
      expect([await program.exited, program.out]).toEqual([1, ''])
    })
  },
)
