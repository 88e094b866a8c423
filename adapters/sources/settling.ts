import type { FileEventType } from '../../core/trigger-types/file-watch.ts'

/** The data of a file that shows whether it is a different one, or was written to. */
export interface FileStat {
  /** Device and inode, which stay when a file is renamed. */
  readonly inode: string
  readonly size: number
  readonly mtimeMs: number
  /** The last write, rename or change of permissions. */
  readonly ctimeMs: number
  /** The birth time; 0 if the file system does not keep it. */
  readonly bornMs: number
}

/** A completed change of a file. */
export interface FileEvent {
  readonly type: FileEventType
  readonly path: string
  /** The former path of a moved file. */
  readonly source: string | null
  /** Null for a deleted file. */
  readonly size: number | null
}

/** The quiet periods required, in milliseconds. */
export interface SettlingTimes {
  readonly debounceMs: number
  readonly settleMs: number
}

/** The time within which a missing file may reappear under another name. Both events arrive within milliseconds. */
const MOVE_MS = 500

interface Pending {
  /** The last state seen; null if it is missing. */
  readonly seen: FileStat | null
  /** The instant since when this has been so. */
  readonly since: number
  /** For a new file that was moved here: its former path, and its state there. */
  readonly source: { readonly path: string; readonly seen: FileStat } | null
}

/**
 * Turns observations of files into events. It keeps the last reported state of each file and the changes since. A
 * change becomes an event when nothing more has happened to the file for `debounceMs` and, if the file exists, its size
 * and modification time have been stable for `settleMs`. All instants are arguments, in milliseconds. A file that
 * disappears and one that appears with the same inode, size and modification time are one that was moved. All three are
 * compared, because file systems reuse a freed inode for the next file.
 */
export class Settling {
  readonly #quiet: SettlingTimes
  /** Every file with its last reported state. */
  readonly #known = new Map<string, FileStat>()
  readonly #pending = new Map<string, Pending>()
  /** The known files of a folder that was replaced by another one. */
  #former = new Map<string, FileStat>()
  /** Of pending changes: the paths that a file identity has left, and the paths where one has appeared. */
  readonly #gone = new Map<string, string>()
  readonly #come = new Map<string, string>()

  constructor(quiet: SettlingTimes) {
    this.#quiet = quiet
  }

  /** The number of files that are known or pending. */
  get size(): number {
    return this.#known.size + this.#pending.size
  }

  /** The paths of all files that are known or have appeared. */
  paths(): string[] {
    const come = [...this.#pending].filter(([path, { seen }]) => seen !== null && !this.#known.has(path))
    return [...this.#known.keys(), ...come.map(([path]) => path)]
  }

  /** Adds a file as known: it existed before the watching began. */
  settled(path: string, seen: FileStat): void {
    this.#known.set(path, seen)
  }

  /** The folder is missing, so its missing files are not deletions. */
  away(): void {
    for (const [path, { seen }] of this.#pending) if (seen === null) this.#forget(path)
  }

  /**
   * Another folder has replaced this one, for instance after it was recreated or a disk was mounted again. A file that
   * equals a known one causes no event, any other is new, and missing ones are not reported.
   */
  replaced(): void {
    this.#former = new Map([...this.#former, ...this.#known])
    for (const index of [this.#known, this.#pending, this.#gone, this.#come]) index.clear()
  }

  /** Records that a file exists. Has no effect if it is unchanged. */
  found(path: string, seen: FileStat, now: number): void {
    const before = this.#pending.get(path)
    if (before?.seen != null && same(before.seen, seen)) return
    this.#forget(path)
    const known = this.#known.get(path)
    if (known !== undefined && same(known, seen)) return
    const former = this.#former.get(path)
    this.#former.delete(path)
    if (known === undefined && former !== undefined && alike(former, seen)) return this.settled(path, seen)
    this.#pending.set(path, { seen, since: now, source: before?.source ?? null })
    if (known !== undefined || before?.source != null) return
    const from = this.#gone.get(identity(seen))
    if (from === undefined) this.#come.set(identity(seen), path)
    else this.#moved(from, path)
  }

  /** Records that a file is missing. */
  missed(path: string, now: number): void {
    const before = this.#pending.get(path)
    if (before !== undefined && before.seen === null) return
    this.#forget(path)
    // A file that came and went before it was reported causes no event.
    if (this.#known.has(path)) this.#lost(path, now)
    const source = before?.source
    if (source == null) return
    // A file that was moved here and disappeared counts as deleted at its former path.
    this.#known.set(source.path, source.seen)
    if (!this.#pending.has(source.path)) this.#lost(source.path, now)
  }

  /** The paths that have been quiet for long enough; check each again before `take`. */
  due(now: number): string[] {
    return [...this.#pending].filter(([, pending]) => this.#dueAt(pending) <= now).map(([path]) => path)
  }

  /** The instant at which the next one will be; Infinity if nothing is pending. */
  next(): number {
    let at = Infinity
    for (const pending of this.#pending.values()) at = Math.min(at, this.#dueAt(pending))
    return at
  }

  /** The completed change of a file, or null. From then on its present state is the known one. */
  take(path: string, now: number): FileEvent | null {
    const pending = this.#pending.get(path)
    if (pending === undefined || this.#dueAt(pending) > now) return null
    const { seen, source } = pending
    this.#forget(path)
    if (seen === null) {
      this.#known.delete(path)
      return { type: 'deleted', path, source: null, size: null }
    }
    const type = this.#known.has(path) ? 'modified' : source === null ? 'created' : 'moved'
    this.#known.set(path, seen)
    return { type, path, source: type === 'moved' ? source?.path ?? null : null, size: seen.size }
  }

  #dueAt({ seen, since }: Pending): number {
    const { debounceMs, settleMs } = this.#quiet
    return since + (seen === null ? Math.max(debounceMs, MOVE_MS) : Math.max(debounceMs, settleMs))
  }

  /** A known file has disappeared from its path, possibly because it was moved to one that appeared. */
  #lost(path: string, now: number): void {
    const known = this.#known.get(path)
    if (known === undefined) return
    this.#pending.set(path, { seen: null, since: now, source: null })
    this.#gone.set(identity(known), path)
    const to = this.#come.get(identity(known))
    if (to !== undefined) this.#moved(path, to)
  }

  /** The file that left one path is the one that appeared at the other. */
  #moved(from: string, to: string): void {
    const seen = this.#known.get(from)
    const pending = this.#pending.get(to)
    if (seen === undefined || pending === undefined) return
    this.#forget(from)
    this.#come.delete(identity(seen))
    // Its former path is free: a file that appears there is a different one.
    this.#known.delete(from)
    this.#pending.set(to, { ...pending, source: { path: from, seen } })
  }

  #forget(path: string): void {
    const pending = this.#pending.get(path)
    if (pending === undefined) return
    this.#pending.delete(path)
    const seen = pending.seen ?? this.#known.get(path)
    if (seen === undefined) return
    const index = pending.seen === null ? this.#gone : this.#come
    if (index.get(identity(seen)) === path) index.delete(identity(seen))
  }
}

/** True if it is the same file, unchanged. */
function same(a: FileStat, b: FileStat): boolean {
  return alike(a, b) && !isAnother(a, b)
}

/** True if the content seems unchanged, even if it is a different file. */
function alike(a: FileStat, b: FileStat): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs
}

/**
 * True if a different file has taken the place of one, as with `mv`. A rename changes ctime. A new inode alone proves
 * nothing: network and user-space file systems may report a new one each time. Nor does ctime alone: a change of
 * permissions changes it too. A reused inode is recognised by its birth time.
 */
function isAnother(a: FileStat, b: FileStat): boolean {
  const isBorn = a.bornMs !== b.bornMs && a.bornMs !== 0 && b.bornMs !== 0
  return isBorn || (a.inode !== b.inode && a.ctimeMs !== b.ctimeMs)
}

function identity({ inode, size, mtimeMs }: FileStat): string {
  return `${inode} ${size} ${mtimeMs}`
}
