import type { FileEventType } from '../../core/trigger-types/file-watch.ts'

/** What is looked at of a file to know whether it is another one, or was written to. */
export interface FileStat {
  /** The device and the inode: what stays when a file is renamed. */
  readonly inode: string
  readonly size: number
  readonly mtimeMs: number
  /** When it was written to, renamed or given other rights last. */
  readonly ctimeMs: number
  /** When it was made; 0 where the file system does not say. */
  readonly bornMs: number
}

/** Something that has happened to a file, and is over. */
export interface FileEvent {
  readonly type: FileEventType
  readonly path: string
  /** Where a file that was moved has been. */
  readonly source: string | null
  /** Null for one that is gone. */
  readonly size: number | null
}

/** How long things must be quiet, in milliseconds. */
export interface SettlingTimes {
  readonly debounceMs: number
  readonly settleMs: number
}

/** How long a file that is gone may be on its way to another name. Both names are told of within milliseconds. */
const MOVE_MS = 500

interface Pending {
  /** As it was seen last; null: gone. */
  readonly seen: FileStat | null
  /** When that was first so. */
  readonly since: number
  /** For a file that is new here: where it has been moved from, and how it was known there. */
  readonly source: { readonly path: string; readonly seen: FileStat } | null
}

/**
 * Makes events of looks at files. It knows how each file was when it was last told of, and what has changed since. A
 * change becomes an event when nothing more has happened to the file for `debounceMs`, and, while there is one, its size
 * and modification time have stayed for `settleMs`. All instants are handed in, in milliseconds.
 *
 * A file that goes and one that comes with the same inode, size and modification time are one that was moved. All three
 * are compared, because file systems give a freed inode to the next file.
 */
export class Settling {
  readonly #quiet: SettlingTimes
  /** Every file, as it was when it was last told of. */
  readonly #known = new Map<string, FileStat>()
  readonly #pending = new Map<string, Pending>()
  /** Files of a folder that another one has replaced, as they were known there. */
  #former = new Map<string, FileStat>()
  /** Of those that are pending: where a file of this identity has gone from, and where one has come to. */
  readonly #gone = new Map<string, string>()
  readonly #come = new Map<string, string>()

  constructor(quiet: SettlingTimes) {
    this.#quiet = quiet
  }

  /** How many files are known or on the way. */
  get size(): number {
    return this.#known.size + this.#pending.size
  }

  /** The paths of every file that is known or has come. */
  paths(): string[] {
    const come = [...this.#pending].filter(([path, { seen }]) => seen !== null && !this.#known.has(path))
    return [...this.#known.keys(), ...come.map(([path]) => path)]
  }

  /** Takes a file as it is for known: it was there before anybody asked. */
  settled(path: string, seen: FileStat): void {
    this.#known.set(path, seen)
  }

  /** The folder is away: that its files are not there says nothing about them. */
  away(): void {
    for (const [path, { seen }] of this.#pending) if (seen === null) this.#forget(path)
  }

  /**
   * Another folder is where this one has been, as when it was made anew or a disk is back. A file in it that is as it was
   * known is no event, any other is a new one, and of those that are missing nothing is told.
   */
  replaced(): void {
    this.#former = new Map([...this.#former, ...this.#known])
    for (const index of [this.#known, this.#pending, this.#gone, this.#come]) index.clear()
  }

  /** A file was looked at. Nothing happens when it is as it was. */
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

  /** A file was looked for and is not there. */
  missed(path: string, now: number): void {
    const before = this.#pending.get(path)
    if (before !== undefined && before.seen === null) return
    this.#forget(path)
    // Of one that came and went before it was told of, nothing is told.
    if (this.#known.has(path)) this.#lost(path, now)
    const source = before?.source
    if (source == null) return
    // What was moved here and is gone again is gone from where it was.
    this.#known.set(source.path, source.seen)
    if (!this.#pending.has(source.path)) this.#lost(source.path, now)
  }

  /** Which files have been quiet for long enough by now; they are to be looked at again before `take`. */
  due(now: number): string[] {
    return [...this.#pending].filter(([, pending]) => this.#dueAt(pending) <= now).map(([path]) => path)
  }

  /** When the next will have been; Infinity: nothing is on its way. */
  next(): number {
    let at = Infinity
    for (const pending of this.#pending.values()) at = Math.min(at, this.#dueAt(pending))
    return at
  }

  /** What has happened to a file, if that is over by now. From here on the file is known as it is. */
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

  /** A known file is gone from its path, maybe to one that has come. */
  #lost(path: string, now: number): void {
    const known = this.#known.get(path)
    if (known === undefined) return
    this.#pending.set(path, { seen: null, since: now, source: null })
    this.#gone.set(identity(known), path)
    const to = this.#come.get(identity(known))
    if (to !== undefined) this.#moved(path, to)
  }

  /** The file that is gone from one path is the one that has come to the other. */
  #moved(from: string, to: string): void {
    const seen = this.#known.get(from)
    const pending = this.#pending.get(to)
    if (seen === undefined || pending === undefined) return
    this.#forget(from)
    this.#come.delete(identity(seen))
    // Its former path is free: what comes to it is another file.
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

/** Whether it is the same file, and as it was. */
function same(a: FileStat, b: FileStat): boolean {
  return alike(a, b) && !isAnother(a, b)
}

/** Whether a file is as it was, be it another one. */
function alike(a: FileStat, b: FileStat): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs
}

/**
 * Whether a file has taken the place of another one, as by `mv`. A rename changes ctime. Its inode alone proves nothing:
 * file systems of networks and of programs may give a file a new one at every look. Nor does ctime alone: other rights
 * change it. An inode that is given to the next file is seen by when that was made.
 */
function isAnother(a: FileStat, b: FileStat): boolean {
  const isBorn = a.bornMs !== b.bornMs && a.bornMs !== 0 && b.bornMs !== 0
  return isBorn || (a.inode !== b.inode && a.ctimeMs !== b.ctimeMs)
}

function identity({ inode, size, mtimeMs }: FileStat): string {
  return `${inode} ${size} ${mtimeMs}`
}
