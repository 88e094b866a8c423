import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

/** The code that a page loads to use the client: of the API's contracts, only the addresses. */

const BYTES_MAX = 15_000

test('the client for browsers is small, with no library and no schema in it', async () => {
  const { metafile } = await build({
    entryPoints: [fileURLToPath(new URL('../../../client/client.ts', import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
  })
  const [output = { bytes: 0, inputs: {} }] = Object.values(metafile.outputs)
  const foreign = Object.keys(output.inputs).filter((path) => !/^(client|core\/base)\//.test(path))
  expect(foreign).toEqual(['core/api/paths.ts'])
  expect(output.bytes).toBeLessThanOrEqual(BYTES_MAX)
})
