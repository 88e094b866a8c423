import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { openLibsqlStore } from '../../adapters/store/libsql.ts'
import { openThreadedStore } from '../../adapters/store/threaded.ts'
import { memoryStore } from '../../adapters/store/memory.ts'
import { storeContract } from './store.ts'
import { MemoryDisk } from '../../adapters/store/memory-disk.ts'

const folder = mkdtempSync(join(tmpdir(), 'store-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0

const checks = [
  ...storeContract('memory', async () => {
    const disk = new MemoryDisk()
    return { open: async () => memoryStore(disk) }
  }),
  ...storeContract('libsql file', async () => {
    const path = join(folder, `${++files}.db`)
    return { open: () => openLibsqlStore({ path }), samples: 10 }
  }),
  ...storeContract('libsql file on a thread', async () => {
    const path = join(folder, `${++files}.db`)
    return { open: () => openThreadedStore({ path }), samples: 10 }
  }),
]

test.each(checks)('$name', ({ run }) => run())
