import { afterAll, beforeAll, expect, test } from 'vitest'
import { wranglerDev } from '../cloudflare/wrangler.ts'
import { cleanUp, freePort, newFolder, type Program } from '../process/program.ts'
import { shellContract } from './shell.ts'
import { storeContract } from './store.ts'

/** The store's and the shell's contract in a Durable Object, inside the real workerd: `durable/worker.ts` runs them. */

const START_MS = 200_000

const elsewhere = (): never => {
  throw new Error('they are run in the Worker')
}
const length = storeContract('', elsewhere).length + shellContract('', elsewhere).length
let url = ''
let program: Program

beforeAll(async () => {
  const port = await freePort()
  url = `http://127.0.0.1:${port}/`
  const where = ['--config', 'tests/contract/durable/wrangler.toml', '--persist-to', newFolder()]
  program = await wranglerDev([...where, '--port', String(port)], url)
}, START_MS)

afterAll(cleanUp)
afterAll(() => program.killTree())

test('a Durable Object keeps every promise of a store, and of a shell', async () => {
  const names = await (await fetch(url)).json() as readonly string[]
  expect(names).toHaveLength(length)
  expect(length).toBeGreaterThan(25)
  for (const name of names) {
    const response = await fetch(`${url}?check=${encodeURIComponent(name)}`)
    expect(await response.text(), name).toBe('kept')
  }
}, START_MS)
