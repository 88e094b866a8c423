import { randomInt, randomUUID } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Platform } from '../fleet.ts'
import { withoutSecrets } from '../../core/protocol/credential.ts'
import { shownJson } from '../../core/protocol/plain.ts'
import { watchFiles } from '../sources/files.ts'
import { mayWatch } from '../sources/folder.ts'
import { mailReach } from '../sources/imap-client.ts'
import { fetchMail, mailIsFetched } from '../sources/imap.ts'
import { pinnedPost } from './post.ts'

/** Longer waits are split: the clock may be set forward meanwhile, and what is due then must not wait for the timer. */
const TIMEOUT_MS_MAX = 60_000

/**
 * Node's clock, chance and timers, the folders in which triggers may watch files, and the hosts that mailboxes may be at.
 * Log lines are JSON on stderr, one object a line.
 */
export function nodePlatform(watchRoots: readonly string[] = [], mailboxHosts?: readonly string[]): Platform {
  let timer: NodeJS.Timeout | undefined
  const alarm = (at: number | null, ring: () => void): void => {
    clearTimeout(timer)
    if (at === null) return
    const wait = Math.max(0, at - Date.now())
    timer = wait > TIMEOUT_MS_MAX ? setTimeout(() => alarm(at, ring), TIMEOUT_MS_MAX) : setTimeout(ring, wait)
  }
  const mailboxes = mailReach(mailboxHosts)
  return {
    hibernates: false,
    now: Date.now,
    steady: () => performance.now(),
    uuid: randomUUID,
    rowId: uuidv7,
    seed: () => randomInt(2 ** 31),
    // After the poll phase: by then every frame and request that had arrived has been read, and shares one turn.
    soon: (run, ms) => void (ms === undefined ? setImmediate(run) : setTimeout(run, ms)),
    alarm,
    post: pinnedPost(),
    sources: { file_watch: watchFiles(watchRoots), email: fetchMail(mailboxes) },
    checks: { file_watch: (config) => mayWatch(watchRoots, config), email: mailIsFetched(mailboxes) },
    log(level, message, details = {}) {
      const entry = { time: new Date().toISOString(), level, msg: message, ...details }
      process.stderr.write(`${withoutSecrets(shownJson(JSON.stringify(entry)))}\n`)
    },
  }
}
