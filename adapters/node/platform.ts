import { randomInt, randomUUID } from 'node:crypto'
import type { Platform } from '../fleet/fleet.ts'
import { rowIds } from '../crypto/ids.ts'
import { watchFiles } from '../sources/files.ts'
import { checkWatchPath } from '../sources/folder.ts'
import { mailReach } from '../sources/imap-client.ts'
import { checkMailServer, fetchMail } from '../sources/imap.ts'
import { pinnedPost } from './post.ts'
import { shownJson, withoutSecrets } from '../../core/base/text.ts'

/** Longer waits are split: if the clock is set forward meanwhile, work that is then due must not wait for the timer. */
const TIMEOUT_MS_MAX = 60_000

/**
 * Node's clock, randomness and timers, the folders in which triggers may watch files, and the hosts that mailboxes may
 * be at. Logs are JSON on stderr, one object per line.
 */
export function nodePlatform(watchRoots: readonly string[] = [], mailboxHosts?: readonly string[]): Platform {
  let timer: NodeJS.Timeout | undefined
  const setAlarm = (at: number | null, onAlarm: () => void): void => {
    clearTimeout(timer)
    if (at === null) return
    const wait = Math.max(0, at - Date.now())
    timer = wait > TIMEOUT_MS_MAX ? setTimeout(() => setAlarm(at, onAlarm), TIMEOUT_MS_MAX) : setTimeout(onAlarm, wait)
  }
  const mailboxes = mailReach(mailboxHosts)
  return {
    hibernates: false,
    now: Date.now,
    monotonic: () => performance.now(),
    // Node draws its random bytes for many at a time.
    uuid: randomUUID,
    rowId: rowIds(),
    seed: () => randomInt(2 ** 31),
    // After the poll phase: by then every frame and request that had arrived has been read, and shares one turn.
    defer: (run, ms) => void (ms === undefined ? setImmediate(run) : setTimeout(run, ms)),
    setAlarm,
    post: pinnedPost(),
    sources: { file_watch: watchFiles(watchRoots), email: fetchMail(mailboxes) },
    configChecks: { file_watch: (config) => checkWatchPath(watchRoots, config), email: checkMailServer(mailboxes) },
    log(level, message, details = {}) {
      const entry = { time: new Date().toISOString(), level, msg: message, ...details }
      process.stderr.write(`${withoutSecrets(shownJson(JSON.stringify(entry)))}\n`)
    },
  }
}
