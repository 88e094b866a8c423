import { lstat, opendir, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import type { FileWatch } from '../../core/trigger-types/file-watch.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import type { FileStat } from './settling.ts'

/** A folder that may be watched, by the path in the config and by its real path, without symbolic links. */
export interface WatchedFolder {
  readonly path: string
  readonly real: string
  /** Distinguishes it from a later folder at the same path: file systems reuse a freed inode for the next folder. */
  readonly identity: string
}

/** The state of a path: a file, a folder, anything else, or unknown. */
export type PathStat = { readonly file: FileStat } | 'folder' | 'nothing' | 'unknown'

const OPTION = '--watch-root'

/**
 * The folder at a path, if it lies in one of the roots after resolving symbolic links on both sides. INVALID_PAYLOAD
 * says what is wrong, and names the field and the option.
 */
export async function folderIn(roots: readonly string[], path: string): Promise<WatchedFolder | Refusal> {
  const wrong = (message: string): Refusal =>
    refuse('INVALID_PAYLOAD', `Field config.watch_path: ${message}`, { fields: ['config.watch_path'], option: OPTION })
  if (!isAbsolute(path)) return wrong('must be an absolute path')
  if (roots.length === 0) return wrong(`no folder may be watched: start the orchestrator with ${OPTION} FOLDER`)
  const outside = `${path} is not inside a folder that may be watched: see ${OPTION}`
  // Outside the roots, do not reveal what exists.
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

/** Checks that a trigger may watch its path. INVALID_PAYLOAD names the field and the option. */
export async function checkWatchPath(roots: readonly string[], config: JsonObject): Promise<Refusal | null> {
  const { reported, watch_path } = config as FileWatch & { readonly watch_path: string }
  if (reported) return null
  const folder = await folderIn(roots, watch_path)
  return isRefusal(folder) ? folder : null
}

/** The reason why a folder cannot be watched at all; null if it exists. */
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

/** True if a path is the folder or below it, by the names alone. */
export function isInsideFolder(folder: string, path: string): boolean {
  const rest = relative(folder, path)
  return rest === '' || (rest !== '..' && !rest.startsWith(`..${sep}`) && !isAbsolute(rest))
}

/** Reads the state of a path. A symbolic link, and any path that leads through one, counts as nothing. */
export async function statRealPath(path: string): Promise<PathStat> {
  try {
    const look = await statPath(path)
    if (look === 'nothing' || look === 'unknown') return look
    return await realpath(path) === path ? look : 'nothing'
  } catch (error) {
    return NOTHING.has((error as NodeJS.ErrnoException).code ?? '') ? 'nothing' : 'unknown'
  }
}

/** The same for a path whose parents are known not to be links. */
export async function statPath(path: string): Promise<PathStat> {
  try {
    const there = await lstat(path)
    if (there.isDirectory()) return 'folder'
    if (!there.isFile()) return 'nothing'
    const { dev, ino, size, mtimeMs, ctimeMs, birthtimeMs } = there
    // Some file systems do not keep the birth time, and report ctime or none: then it cannot distinguish files.
    const bornMs = birthtimeMs === ctimeMs ? 0 : birthtimeMs || 0
    return { file: { inode: `${dev} ${ino}`, size, mtimeMs, ctimeMs, bornMs } }
  } catch (error) {
    return NOTHING.has((error as NodeJS.ErrnoException).code ?? '') ? 'nothing' : 'unknown'
  }
}

const NOTHING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

/** The character that the platform substitutes for bytes that are not UTF-8. */
const REPLACED = '\ufffd'

/**
 * Yields every file of a folder and, if `recursive`, of the folders below it, without following symbolic links. A
 * folder that disappears or cannot be read meanwhile has no files. Calls `folder` for each folder, and `unnamed` for
 * each name that is not UTF-8, since no text can address such a file.
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
        // It may also be a character of the name.
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
      // Nothing can be concluded about the folder itself: its disk may be away.
      if (path === real) throw error
    }
  }
}
