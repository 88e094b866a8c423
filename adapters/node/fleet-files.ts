import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FleetStores } from '../fleets.ts'
import { openLibsqlStore } from '../store/libsql.ts'

/** Fleets as database files in a folder: `acme.db` is the fleet `acme`. */
export function fleetFiles(folder: string, durability: 'full' | 'relaxed'): FleetStores {
  const pathOf = (name: string): string => join(folder, `${name}.db`)
  return {
    async names() {
      const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      })
      return files.filter((file) => file.endsWith('.db')).map((file) => file.slice(0, -'.db'.length))
    },
    has: (name) => existsSync(pathOf(name)),
    open: (name) => openLibsqlStore({ path: pathOf(name), durability }),
    async create(name, fill) {
      const made = await mkdir(folder, { recursive: true })
      // No fleet's name begins with a dot: what a crash leaves half made is nobody's.
      const draft = join(folder, `.${name}.${randomUUID()}`)
      const copy = `${draft}-copy`
      try {
        const store = await openLibsqlStore({ path: draft, durability })
        await fill(store).finally(() => store.close())
        if ((await stat(`${draft}-wal`).catch(() => null))?.size) throw new Error('the new database is not in one file')
        // A copy and not the draft itself: the addon's connection lives on until its statements are garbage collected.
        // SQLite would have the next connection to the same file share what that one knows, and its files' names.
        await copyFile(draft, copy)
        await sync(copy)
        await rename(copy, pathOf(name))
      } finally {
        for (const suffix of ['', '-wal', '-shm', '-copy']) await rm(draft + suffix, { force: true })
      }
      await sync(folder)
      if (made !== undefined) await sync(join(folder, '..'))
    },
  }
}

/** Makes a file, or the names in a folder, survive a power cut. Windows refuses to open a folder, and does not need it. */
async function sync(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
