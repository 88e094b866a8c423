import { chmodSync, closeSync, lstatSync, openSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Restricts stored files to the user that the orchestrator runs as: they contain signing keys, passwords of mailboxes
 * and the data of jobs. Windows gives the files in a user's folder to that user, and has no such modes.
 */

/** The permission bits of the group and of others. */
const OTHERS = 0o077

/** The sticky bit: in such a folder, for instance `/tmp`, others may write on purpose. */
const STICKY = 0o1000

/** The modes of files and folders that only their owner may use. */
export const PRIVATE_FOLDER = 0o700
export const PRIVATE_FILE = 0o600

const FOLDERS = ['fleets', 'robot-files', 'robot-state']
/** An entry that a file system creates in its root. */
const EMPTY = ['lost+found']
const DATABASE = /\.(db(-wal|-shm|-journal|-generation(\.new)?)?|lock|jsonl(\.new)?)$/

/**
 * Creates a file with access for its owner only, unless it exists. SQLite gives the files beside a database the mode of
 * the database.
 */
export function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'ax', PRIVATE_FILE))
  } catch {
    // It exists, or cannot be created; opening it will report that.
  }
}

/** The result of restricting a data folder: the paths that were accessible to others, and those that still are. */
export interface Tightened {
  readonly closed: readonly string[]
  readonly open: readonly string[]
}

/**
 * Restricts a data folder to its owner, with the databases, backups and state files in it. A folder that contains
 * anything else may be shared on purpose: then the folder stays as it is, and only our files in it are restricted.
 */
export function tighten(folder: string): Tightened {
  const found: { readonly closed: string[]; readonly open: string[] } = { closed: [], open: [] }
  if (process.platform === 'win32') return found
  const names = namesIn(folder)
  const ours = (name: string): boolean => [...FOLDERS, ...EMPTY].includes(name) || DATABASE.test(name)
  // A link to the folder is the operator's choice; links inside are not followed.
  if (names.every(ours)) close(folder, statSync(folder).mode, found)
  else if ((statSync(folder).mode & OTHERS) !== 0) found.open.push(folder)
  const inner = FOLDERS.filter((name) => names.includes(name)).map((name) => join(folder, name))
  for (const path of inner) if (lstatSync(path).isDirectory()) close(path, lstatSync(path).mode, found)
  for (const within of [folder, ...inner.filter((path) => !path.endsWith('robot-files'))]) {
    for (const name of namesIn(within).filter((file) => DATABASE.test(file))) {
      const path = join(within, name)
      const info = lstatSync(path, { throwIfNoEntry: false })
      if (info?.isFile() === true) close(path, info.mode, found)
    }
  }
  return found
}

function close(path: string, mode: number, found: { readonly closed: string[]; readonly open: string[] }): void {
  if ((mode & OTHERS) === 0) return
  try {
    if ((mode & STICKY) !== 0) throw new Error('shared on purpose')
    chmodSync(path, mode & 0o700)
    found.closed.push(path)
  } catch {
    found.open.push(path)
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
