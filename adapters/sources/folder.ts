import { lstat, opendir, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import type { FileWatch } from '../../core/trigger-types/file-watch.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import type { FileStat } from './settling.ts'

/** A folder that may be watched, by the path that somebody gave and by its real one, where no part is a symbolic link. */
export interface WatchedFolder {
  readonly path: string
  readonly real: string
  /** Tells it from one that has come to the same path after it: file systems give a freed inode to the next folder. */
  readonly identity: string
}

/** What is at a path: a file, a folder, nothing that is watched, or it cannot be told. */
export type PathStat = { readonly file: FileStat } | 'folder' | 'nothing' | 'unknown'

const OPTION = '--watch-root'

/**
 * The folder at a path, if it lies in one of the roots once every symbolic link is resolved, on both sides. INVALID_PAYLOAD
 * says what is wrong with it, and names the field and the option.
 */
export async function folderIn(roots: readonly string[], path: string): Promise<WatchedFolder | Refusal> {
  const wrong = (message: string): Refusal =>
    refuse('INVALID_PAYLOAD', `Field config.watch_path: ${message}`, { fields: ['config.watch_path'], option: OPTION })
  if (!isAbsolute(path)) return wrong('must be an absolute path')
  if (roots.length === 0) return wrong(`no folder may be watched: start the orchestrator with ${OPTION} FOLDER`)
  const outside = `${path} is not inside a folder that may be watched: see ${OPTION}`
  // Where nobody may look it is not told what is there.
  const isNear = roots.some((root) => isInsideFolder(root, join(path)))
  try {
    const real = await realpath(path)
    const reals = await Promise.all(roots.map((root) => realpath(root).catch(() => null)))
    if (!reals.some((root) => root !== null && isInsideFolder(root, real))) return wrong(outside)
    const there = await lstat(real)
    return there.isDirectory()
      ? { path, real, identity: `${there.dev} ${there.ino} ${there.birthtimeMs}` }
      : wrong(`${path} is not a folder`)
  } catch (error) {
    if (!isNear) return wrong(outside)
    const missing = await Promise.all(roots.filter((root) => isInsideFolder(root, join(path))).map(folderProblem))
    const [why] = missing.every((one) => one !== null) ? missing : []
    return wrong(why === undefined ? problemOf(path, error) : `${OPTION}: ${why}`)
  }
}

/** Whether what a trigger is to watch may be watched. INVALID_PAYLOAD names the field and the option. */
export async function checkWatchPath(roots: readonly string[], config: JsonObject): Promise<Refusal | null> {
  const { reported, watch_path } = config as FileWatch & { readonly watch_path: string }
  if (reported) return null
  const folder = await folderIn(roots, watch_path)
  return isRefusal(folder) ? folder : null
}

/** Why nothing can be watched at a path, whatever is to be watched there; null: there is a folder. */
export async function folderProblem(path: string): Promise<string | null> {
  try {
    return (await stat(path)).isDirectory() ? null : `${path} is not a folder`
  } catch (error) {
    return problemOf(path, error)
  }
}

function problemOf(path: string, error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR' ? `there is no folder ${path}` : message
}

/** Whether a path is the folder or below it, going by the names alone. */
export function isInsideFolder(folder: string, path: string): boolean {
  const rest = relative(folder, path)
  return rest === '' || (rest !== '..' && !rest.startsWith(`..${sep}`) && !isAbsolute(rest))
}

/** Looks at a path. Nothing is a symbolic link, and everything that is reached by way of one. */
export async function statRealPath(path: string): Promise<PathStat> {
  try {
    const look = await statPath(path)
    if (look === 'nothing' || look === 'unknown') return look
    return await realpath(path) === path ? look : 'nothing'
  } catch (error) {
    return NOTHING.has((error as NodeJS.ErrnoException).code ?? '') ? 'nothing' : 'unknown'
  }
}

/** The same for what was met on the way down through folders that are none. */
export async function statPath(path: string): Promise<PathStat> {
  try {
    const there = await lstat(path)
    if (there.isDirectory()) return 'folder'
    if (!there.isFile()) return 'nothing'
    const { dev, ino, size, mtimeMs, ctimeMs, birthtimeMs } = there
    // Where a file system does not keep it, it is ctime or none: then there is nothing to tell files apart by.
    const bornMs = birthtimeMs === ctimeMs ? 0 : birthtimeMs || 0
    return { file: { inode: `${dev} ${ino}`, size, mtimeMs, ctimeMs, bornMs } }
  } catch (error) {
    return NOTHING.has((error as NodeJS.ErrnoException).code ?? '') ? 'nothing' : 'unknown'
  }
}

const NOTHING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

/** What stands for bytes that are no UTF-8 in the names that the platform reads. */
const REPLACED = '\ufffd'

/**
 * Every file of a folder and, when `recursive`, of those below it, without following symbolic links. Folders that are gone
 * or may not be read meanwhile have no files; `folder` hears of each that is there, and `unnamed` of each name that is not
 * UTF-8: there is no text by which what bears it could be reached.
 */
export async function* walkFiles(
  real: string,
  recursive: boolean,
  folder: (path: string) => void,
  unnamed: (path: string, isFile: boolean) => void,
): AsyncGenerator<string> {
  const todo = [real]
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    try {
      for await (const entry of await opendir(path)) {
        const inside = join(path, entry.name)
        // It may also be a letter of the name.
        if (entry.name.includes(REPLACED) && await statPath(inside) === 'nothing') {
          if (entry.isFile() || (recursive && entry.isDirectory())) unnamed(inside, entry.isFile())
          continue
        }
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
