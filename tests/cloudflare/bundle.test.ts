import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { cleanUp, newFolder } from '../process/program.ts'
import { ROOT } from '../process/runtime.ts'
import { bundleWorker } from './wrangler.ts'

/** The content of a Worker, without starting one. */

const TIMEOUT_MS = 60_000

afterAll(cleanUp)

/** The limit for the deployed bundle, compressed: it has 281 KiB minified, 10 of them the OpenAPI document. */
const BUNDLE_MAX = 300 * 1024

test(
  'the bundle that is deployed is small, has its source map beside it, and no library of another runtime in it',
  async () => {
    const out = newFolder()
    await bundleWorker(out)
    const files = readdirSync(out).filter((name) => /\.(js|sql)$/.test(name))
    const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(out, name))).length, 0)
    expect(files.filter((name) => name.endsWith('.sql')).length).toBe(schema().length)
    expect(bytes).toBeGreaterThan(BUNDLE_MAX / 10)
    expect(bytes).toBeLessThan(BUNDLE_MAX)
    const { sources } = JSON.parse(readFileSync(join(out, 'index.js.map'), 'utf8')) as { sources: string[] }
    expect(sources.some((path) => path.endsWith('core/step.ts'))).toBe(true)
    const code = readFileSync(join(out, 'index.js'), 'utf8')
    expect(code).not.toMatch(/node:(fs|net|http|child_process|worker_threads)['"]/)
  },
  TIMEOUT_MS,
)

test('every step of the schema and every sample is in the bundle', () => {
  const source = readFileSync(join(ROOT, 'adapters/cloudflare/bundled.ts'), 'utf8')
  const samples = readdirSync(join(ROOT, 'workflows/library')).filter((name) => name.endsWith('.json'))
  expect(schema()).not.toEqual([])
  for (const name of schema()) expect(source.split(name).length, name).toBe(3)
  for (const name of samples) expect(source, name).toContain(`/${name}'`)
})

function schema(): readonly string[] {
  return readdirSync(join(ROOT, 'adapters/store/schema')).filter((name) => name.endsWith('.sql'))
}
