import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FleetStores } from '../hosting/fleets.ts'
import { openLibsqlStore } from '../store/libsql.ts'
import { openFileStore } from '../store/open.ts'
import type { GrownWal } from '../store/contract.ts'
import { PRIVATE_FOLDER } from '../store/private.ts'

/** The files of a fleet that is being created: a dot, its name, a UUID, and the suffixes of a database. */
const DRAFT = /^\..+\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-(wal|shm|copy|generation(\.new)?))?$/

export interface FleetFiles extends FleetStores {
  /**
   * Removes the remains of fleets whose creation was interrupted, and returns the names of fleets whose database is
   * missing while other files of theirs exist. Call it before any fleet is created.
   */
  tidy(): Promise<readonly string[]>
}

/** Fleets as database files in a folder: `acme.db` is the fleet `acme`. */
export function fleetFiles(
  folder: string,
  durability: 'full' | 'relaxed',
  grown: (fleet: string, wal: GrownWal) => void = () => {},
): FleetFiles {
  const pathOf = (name: string): string => join(folder, `${name}.db`)
  const files = (): Promise<string[]> =>
    readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
  return {
    async names() {
      return (await files()).flatMap((file) => /^(.+)\.db$/.exec(file)?.[1] ?? [])
    },
    async tidy() {
      const all = await files()
      for (const file of all.filter((name) => DRAFT.test(name))) await rm(join(folder, file), { force: true })
      const left = all.flatMap((file) => /^(.+)\.db-(?:wal|generation)$/.exec(file)?.[1] ?? [])
      return [...new Set(left)].filter((name) => !existsSync(pathOf(name)))
    },
    has: (name) => existsSync(pathOf(name)),
    open: (name) => openFileStore({ path: pathOf(name), durability, grown: (wal) => grown(name, wal) }),
    async create(name, initialize) {
      const made = await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER })
      // A fleet's name never begins with a dot, so `tidy` can remove drafts that a crash leaves behind.
      const draft = join(folder, `.${name}.${randomUUID()}`)
      const copy = `${draft}-copy`
      try {
        const store = await openLibsqlStore({ path: draft, durability })
        await initialize(store).finally(() => store.close())
        if ((await stat(`${draft}-wal`).catch(() => null))?.size) throw new Error('the new database is not in one file')
        // Use a copy, because the addon's connection to the draft lives until its statements are garbage collected.
        // SQLite would let the next connection to the same file share that one's state and file names.
        await copyFile(draft, copy)
        await sync(copy)
        // The remains of a removed fleet with the same name would be taken for files of this one.
        for (const suffix of ['-wal', '-shm', '-generation']) await rm(pathOf(name) + suffix, { force: true })
        await rename(copy, pathOf(name))
      } finally {
        for (const suffix of ['', '-wal', '-shm', '-generation', '-copy']) await rm(draft + suffix, { force: true })
      }
      await sync(folder)
      if (made !== undefined) await sync(join(folder, '..'))
    },
  }
}

/** Makes a file, or the names in a folder, survive a power cut. Windows cannot open a folder, and does not need it. */
async function sync(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
