import { once } from 'node:events'
import { watch } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isInsideFolder } from './folder.ts'

/** Reports the paths in a folder at which something may have changed. */
export interface Watcher {
  /**
   * The limitation that keeps the system from reporting everything, with advice for an operator; null if there is none.
   */
  limit(): string | null
  close(): void
}

/**
 * Watches a folder with watchpack. Its events are only hints to check a path: there may be too many, and for network
 * folders none. `inside` are the folders in it, which are ignored unless `recursive`.
 */
export async function watchFolder(
  real: string,
  recursive: boolean,
  inside: ReadonlySet<string>,
  hint: (path: string) => void,
): Promise<Watcher> {
  const none = await whyNot(real)
  if (none !== null) return { limit: () => none, close: () => {} }
  // Loaded on demand: it reads the environment, for which Deno requires permission.
  const { default: Watchpack } = await import('watchpack')
  const watchpack = new Watchpack({
    followSymlinks: false,
    // The library looks for a missing folder in its parent.
    ignored: (path) =>
      !isInsideFolder(real, path) || (!recursive && path !== real && (inside.has(path) || dirname(path) !== real)),
  })
  watchpack.on('change', hint)
  watchpack.on('remove', hint)
  // Changes of the last second are reported too, so that none is missed between the scan of the folder and this.
  watchpack.watch({ directories: [real], startTime: Date.now() - 1_000 })
  const { directoryWatchers } = watchpack.watcherManager
  return {
    // When the system can watch no more, the library polls those folders.
    limit: () => [...directoryWatchers.values()].some(({ polledWatching }) => polledWatching !== false) ? FULL : null,
    close: () => watchpack.close(),
  }
}

const FULL = 'the system watches no more folders: raise fs.inotify.max_user_watches'
const INSTANCES = 'the system has no more watchers: raise fs.inotify.max_user_instances'

/** The time in which Deno reports that it cannot watch; it does so later, at no known moment. */
const AFTERWARDS_MS = 50

/** The reason why a folder cannot be watched; null if it can. */
async function whyNot(real: string): Promise<string | null> {
  try {
    const watcher = watch(real)
    const failed = once(watcher, 'error').then(([error]) => reasonOf(error as NodeJS.ErrnoException))
    const why = await Promise.race([failed, setTimeout(AFTERWARDS_MS, null)])
    watcher.close()
    return why
  } catch (error) {
    return reasonOf(error as NodeJS.ErrnoException)
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  // Deno sets no code for this error.
  if (code === 'ENOSPC' || message.includes('watch limit')) return FULL
  return code === 'EMFILE' ? INSTANCES : message
}
