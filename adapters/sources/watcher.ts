import { once } from 'node:events'
import { watch } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isInsideFolder } from './folder.ts'

/** Tells at which paths of a folder something has happened. */
export interface Watcher {
  /** What the system lacks for it to tell of everything, and what an operator can do; null: nothing. */
  limit(): string | null
  close(): void
}

/**
 * Watches a folder, by watchpack. What is heard is a hint to look there and no more: it may come too often, and from
 * network folders it may not come at all. `inside` are the folders in it, which are left alone unless `recursive`.
 */
export async function watchFolder(
  real: string,
  recursive: boolean,
  inside: ReadonlySet<string>,
  hint: (path: string) => void,
): Promise<Watcher> {
  const none = await whyNot(real)
  if (none !== null) return { limit: () => none, close: () => {} }
  // Loaded by those who need it: it reads the environment, which Deno has to be given leave for.
  const { default: Watchpack } = await import('watchpack')
  const watchpack = new Watchpack({
    followSymlinks: false,
    // The library looks for a folder that has gone in the one above.
    ignored: (path) =>
      !isInsideFolder(real, path) || (!recursive && path !== real && (inside.has(path) || dirname(path) !== real)),
  })
  watchpack.on('change', hint)
  watchpack.on('remove', hint)
  // Whatever was written since a moment ago is hinted at: between the reading of the folder and this nothing is missed.
  watchpack.watch({ directories: [real], startTime: Date.now() - 1_000 })
  const { directoryWatchers } = watchpack.watcherManager
  return {
    // When the system can watch no more, the library goes over to reading those folders now and then.
    limit: () => [...directoryWatchers.values()].some(({ polledWatching }) => polledWatching !== false) ? FULL : null,
    close: () => watchpack.close(),
  }
}

const FULL = 'the system watches no more folders: raise fs.inotify.max_user_watches'
const INSTANCES = 'the system has no more watchers: raise fs.inotify.max_user_instances'

/** Deno says only afterwards that it cannot, and it is not known when. */
const AFTERWARDS_MS = 50

/** Why a folder cannot be watched; null when it can be. */
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
  // Deno gives this one no code.
  if (code === 'ENOSPC' || message.includes('watch limit')) return FULL
  return code === 'EMFILE' ? INSTANCES : message
}
