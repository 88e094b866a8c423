import { lstat, opendir, realpath } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import { type Refusal, refuse } from '../../core/protocol/refusal.ts'
import type { Seen } from './settling.ts'

/** A folder that may be watched, by the path that somebody gave and by its real one, where no part is a symbolic link. */
export interface Folder {
  readonly path: string
  readonly real: string
  /** Tells it from one that has come to the same path after it: file systems give a freed inode to the next folder. */
  readonly identity: string
}

/** What is at a path: a file, a folder, nothing that is watched, or it cannot be told. */
export type Look = { readonly file: Seen } | 'folder' | 'nothing' | 'unknown'

const OPTION = '--watch-root'

/**
 * The folder at a path, if it lies in one of the roots once every symbolic link is resolved, on both sides. INVALID_PAYLOAD
 * says what is wrong with it, and names the field and the option.
 */
export async function folderIn(roots: readonly string[], path: string): Promise<Folder | Refusal> {
  const wrong = (message: string): Refusal =>
    refuse('INVALID_PAYLOAD', `Field config.watch_path: ${message}`, { field: 'config.watch_path', option: OPTION })
  if (!isAbsolute(path)) return wrong('must be an absolute path')
  if (roots.length === 0) return wrong(`no folder may be watched: start the orchestrator with ${OPTION} FOLDER`)
  const outside = `${path} is not inside a folder that may be watched: see ${OPTION}`
  // Where nobody may look it is not told what is there.
  const isNear = roots.some((root) => isWithin(root, join(path)))
  try {
    const real = await realpath(path)
    const reals = await Promise.all(roots.map((root) => realpath(root).catch(() => null)))
    if (!reals.some((root) => root !== null && isWithin(root, real))) return wrong(outside)
    const stat = await lstat(real)
    return stat.isDirectory()
      ? { path, real, identity: `${stat.dev} ${stat.ino} ${stat.birthtimeMs}` }
      : wrong(`${path} is not a folder`)
  } catch (error) {
    if (!isNear) return wrong(outside)
    const { code = '', message } = error as NodeJS.ErrnoException
    return wrong(code === 'ENOENT' || code === 'ENOTDIR' ? `there is no folder ${path}` : message)
  }
}

/** Whether a path is the folder or below it, going by the names alone. */
export function isWithin(folder: string, path: string): boolean {
  const rest = relative(folder, path)
  return rest === '' || (rest !== '..' && !rest.startsWith(`..${sep}`) && !isAbsolute(rest))
}

/** Looks at a path. Nothing is a symbolic link, and everything that is reached by way of one. */
export async function lookAt(path: string): Promise<Look> {
  try {
    const look = await glanceAt(path)
    if (look === 'nothing' || look === 'unknown') return look
    return await realpath(path) === path ? look : 'nothing'
  } catch (error) {
    return NOTHING.has((error as NodeJS.ErrnoException).code ?? '') ? 'nothing' : 'unknown'
  }
}

/** The same for what was met on the way down through folders that are none. */
export async function glanceAt(path: string): Promise<Look> {
  try {
    const stat = await lstat(path)
    if (stat.isDirectory()) return 'folder'
    if (!stat.isFile()) return 'nothing'
    return { file: { inode: `${stat.dev} ${stat.ino}`, size: stat.size, mtimeMs: stat.mtimeMs } }
  } catch (error) {
    return NOTHING.has((error as NodeJS.ErrnoException).code ?? '') ? 'nothing' : 'unknown'
  }
}

const NOTHING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

/**
 * Every file of a folder and, when `recursive`, of those below it, without following symbolic links. Folders that are gone
 * or may not be read meanwhile have no files; `folder` hears of each that is there.
 */
export async function* filesOf(
  real: string,
  recursive: boolean,
  folder: (path: string) => void,
): AsyncGenerator<string> {
  const todo = [real]
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    try {
      for await (const entry of await opendir(path)) {
        const inside = join(path, entry.name)
        if (entry.isFile()) yield inside
        if (!entry.isDirectory()) continue
        folder(inside)
        if (recursive) todo.push(inside)
      }
    } catch (error) {
      // Of the folder itself nothing may be concluded: it may be a disk that is away.
      if (path === real) throw error
    }
  }
}
