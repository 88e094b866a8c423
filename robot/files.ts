import { constants } from 'node:fs'
import { mkdir, open, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { JobError } from './job-error.ts'

/** The largest file that is read. */
const FILE_BYTES_MAX = 32 << 20

/**
 * The files of one folder, and none outside it: neither `..` nor an absolute path nor a symbolic link leads out. Every
 * method throws a `JobError` of type `PathNotAllowed` for a path that would.
 */
export interface Files {
  /** The bytes of a file. Throws if it is larger than `bytesMax` (0: `FILE_BYTES_MAX`). */
  readonly read: (path: string, bytesMax?: number) => Promise<Buffer>
  /** Writes or appends, and returns the number of bytes. Creates missing folders if `makeFolders` is true. */
  readonly write: (path: string, bytes: Buffer, append: boolean, makeFolders: boolean) => Promise<number>
}

/** Opens a folder, which must exist by the time a file is used. */
export function filesIn(root: string): Files {
  return {
    async read(path, bytesMax = 0) {
      const real = await inside(root, path, realpath)
      const limit = bytesMax > 0 ? Math.min(bytesMax, FILE_BYTES_MAX) : FILE_BYTES_MAX
      const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW)
      try {
        const { size } = await handle.stat()
        if (size > limit) throw new JobError('FileTooLarge', `${path} has ${size} bytes, and ${limit} may be read`)
        return await handle.readFile()
      } finally {
        await handle.close()
      }
    },
    async write(path, bytes, append, withFolders) {
      const real = await inside(root, path, (target) => realTarget(target, withFolders ? root : null))
      const how = append ? constants.O_APPEND : constants.O_TRUNC
      // A link that appeared in the meantime, or that leads nowhere, is not followed.
      const handle = await open(real, constants.O_WRONLY | constants.O_CREAT | how | constants.O_NOFOLLOW, 0o644)
      try {
        await handle.writeFile(bytes)
        return bytes.length
      } finally {
        await handle.close()
      }
    },
  }
}

/** The real path of a path in the folder. Throws if it lies outside. */
async function inside(root: string, path: string, realOf: (target: string) => Promise<string>): Promise<string> {
  if (path === '') throw new TypeError('file_path is required')
  const realRoot = await realpath(root)
  const target = resolve(realRoot, path)
  if (!isInside(realRoot, target)) throw notAllowed(path)
  try {
    const real = await realOf(target)
    if (isInside(realRoot, real)) return real
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new JobError('FileNotFound', `${path} does not exist`)
    throw error
  }
  throw notAllowed(path)
}

/** The real path of a file that may not exist yet: its folder's real path, and the file's own if it exists. */
async function realTarget(target: string, root: string | null): Promise<string> {
  if (root !== null) await makeFolders(dirname(target), await realpath(root))
  const folder = await realpath(dirname(target))
  const path = join(folder, basename(target))
  const exists = await stat(path).then(() => true, () => false)
  return exists ? await realpath(path) : path
}

/** Creates missing folders one by one, and none below a link that leads out. */
async function makeFolders(folder: string, root: string): Promise<void> {
  let at = root
  for (const name of relative(root, folder).split(sep)) {
    at = join(at, name)
    await mkdir(at).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
    if (!isInside(root, await realpath(at))) throw notAllowed(folder)
  }
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

function notAllowed(path: string): JobError {
  return new JobError('PathNotAllowed', `${path} is outside the folder that the robot may use`)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
