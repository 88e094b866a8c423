import { chmodSync, closeSync, lstatSync, openSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What is kept on disk has keys that sign, passwords of mailboxes and the data of jobs in it: it is for the user alone
 * that the orchestrator runs as. Windows gives what is in a user's folder to that user, and knows no such modes.
 */

/** What the group and everybody else may do with a file. */
const OTHERS = 0o077

/** Whoever may write here, as into `/tmp`, may do so on purpose. */
const STICKY = 0o1000

/** The modes of what only its owner may use. */
export const PRIVATE_FOLDER = 0o700
export const PRIVATE_FILE = 0o600

const FOLDERS = ['fleets', 'robot-files', 'robot-state']
/** What a file system puts into its root. */
const EMPTY = ['lost+found']
const DATABASE = /\.(db(-wal|-shm|-journal|-generation(\.new)?)?|lock|jsonl(\.new)?)$/

/** Makes a file for its owner alone, unless it is there: SQLite gives the files beside a database the mode of that one. */
export function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'ax', PRIVATE_FILE))
  } catch {
    // It is there, or cannot be made, which is said by what opens it.
  }
}

/** What came of closing a data folder to others: the paths that were open to them, and those that still are. */
export interface Tightened {
  readonly closed: readonly string[]
  readonly open: readonly string[]
}

/**
 * Closes a data folder to others, with the databases, backups and states in it. A folder with anything else in it may be
 * somebody else's too: then it stays as it is, and only what is ours in it is closed.
 */
export function tighten(folder: string): Tightened {
  const found: { readonly closed: string[]; readonly open: string[] } = { closed: [], open: [] }
  if (process.platform === 'win32') return found
  const names = namesIn(folder)
  const ours = (name: string): boolean => [...FOLDERS, ...EMPTY].includes(name) || DATABASE.test(name)
  // A link to the folder is the operator's own; those inside are not followed.
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
