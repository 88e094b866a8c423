import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { nodePlatform } from '../../adapters/node/platform.ts'
import { ROOT } from '../process/runtime.ts'
import { shellContract } from './shell.ts'

/** The contract of a platform, on Node and on Deno. For a Durable Object see `durable.test.ts`. */

const checks = shellContract('node', nodePlatform)

test.each(checks)('$name', ({ run }) => run())

test('and the same on Deno', async () => {
  const args = ['run', '--no-check', '--cached-only', '-A', join(ROOT, 'tests/contract/shell-deno.ts')]
  const { stdout } = await promisify(execFile)(join(ROOT, 'node_modules/deno/deno'), args, { cwd: ROOT })
  expect(stdout.trim().split('\n')).toEqual(checks.map(({ name }) => name.replace(/^node/, 'deno')))
})
