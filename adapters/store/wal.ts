import { readFile, stat } from 'node:fs/promises'
import type { GrownWal } from './contract.ts'

/** The size to which a WAL that one large turn has grown is truncated after its checkpoint. */
export const WAL_BYTES_KEPT = 64 * 1024 * 1024

/** A larger WAL is reported. It takes disk space, and each read of a row has to search more of it. */
const WAL_BYTES_MAX = 256 * 1024 * 1024

/** The commits from one look at the size to the next. */
const LOOK_EVERY = 16

/** The line of the log about a WAL that has grown. */
export const GROWN = 'the WAL of the database grows, because another program reads the database without a pause'

export interface WalOptions {
  /** The size from which on the store makes it start over, and that from which on it is reported. */
  readonly limits?: { readonly kept: number; readonly max: number } | undefined
  /** Called when the WAL has passed the size, and each time that it has doubled again. */
  readonly grown?: ((wal: GrownWal) => void) | undefined
}

/**
 * Keeps the WAL of a file in bounds. SQLite starts it over where a commit finds that no reader needs it, so with a read
 * under way at each commit it would grow without end. For reads of this process, `restart` makes a pause; those of other
 * programs are reported.
 */
export class WalWatch {
  readonly #path: string
  readonly #limits: { readonly kept: number; readonly max: number }
  readonly #grown: (wal: GrownWal) => void
  readonly #restart: () => Promise<void>
  #commits = 0
  #isLooking = false
  /** The size at which to try again, which is more after each attempt in vain: it holds up commits for a moment. */
  #restartAt: number
  #reportAt: number
  #found: GrownWal | null = null

  /** `restart` makes the WAL start over, unless another process reads. */
  constructor(path: string, { limits, grown = () => {} }: WalOptions, restart: () => Promise<void>) {
    this.#path = path
    this.#limits = limits ?? { kept: WAL_BYTES_KEPT, max: WAL_BYTES_MAX }
    this.#grown = grown
    this.#restart = restart
    this.#restartAt = this.#limits.kept
    this.#reportAt = this.#limits.max
  }

  /** The WAL while it is larger than it should be. */
  get found(): GrownWal | null {
    return this.#found
  }

  /** Counts a commit that is durable. Never throws. */
  committed(): void {
    if (++this.#commits % LOOK_EVERY > 0 || this.#isLooking) return
    this.#isLooking = true
    this.#look().catch(() => {}).finally(() => this.#isLooking = false)
  }

  async #look(): Promise<void> {
    const { kept, max } = this.#limits
    let bytes = await this.#size()
    if (bytes > this.#restartAt) {
      await this.#restart()
      bytes = await this.#size()
      this.#restartAt = bytes + kept
    }
    if (bytes <= max) {
      this.#found = null
      this.#reportAt = max
      if (bytes <= kept) this.#restartAt = kept
      return
    }
    this.#found = { bytes, readers: await readersOf(this.#path) }
    if (bytes <= this.#reportAt) return
    this.#reportAt = 2 * bytes
    this.#grown(this.#found)
  }

  async #size(): Promise<number> {
    return (await stat(`${this.#path}-wal`)).size
  }
}

/** The first and last byte of a WAL's shared memory on which its readers have locks: https://www.sqlite.org/walformat.html */
const READ_LOCKS = [123, 127] as const

/** Other processes that read a database, as Linux shows them. */
async function readersOf(path: string): Promise<readonly string[]> {
  // Deno would ask a person for the permission.
  if (process.platform !== 'linux' || 'Deno' in globalThis) return []
  try {
    const [{ ino }, locks] = await Promise.all([stat(`${path}-shm`), readFile('/proc/locks', 'utf8')])
    const pids = locks.split('\n').flatMap((line) => {
      const [, , , , pid, file = '', from, to] = line.trim().split(/\s+/)
      const isRead = Number(from) >= READ_LOCKS[0] && Number(to) <= READ_LOCKS[1]
      return isRead && Number(pid) > 0 && Number(file.split(':')[2]) === ino ? [Number(pid)] : []
    })
    const others = [...new Set(pids)].filter((pid) => pid !== process.pid)
    return await Promise.all(others.map(nameOf))
  } catch {
    return []
  }
}

async function nameOf(pid: number): Promise<string> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  return `${name.trim() || 'process'} (${pid})`
}
