import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { setTimeout } from 'node:timers/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { StoreUnusable } from '../../../adapters/store/contract.ts'
import { lockFolder } from '../../../adapters/store/lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'casare-lock-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a folder is held until it is released, in the same process too, though nobody keeps the hold', async () => {
  const { release } = lockFolder(folder)
  // The addon closes what is collected, and a closed connection holds nothing.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) {
    collect()
    await setTimeout(10)
  }
  expect(() => lockFolder(folder)).toThrow(StoreUnusable)
  expect(() => lockFolder(folder)).toThrow(`the data folder ${folder} is in use by another orchestrator`)
  release()
  release()
  lockFolder(folder).release()
})

test('a folder that cannot be written to says so', () => {
  expect(() => lockFolder(join(folder, 'missing'))).toThrow(/orchestrator\.lock cannot be opened/)
})
