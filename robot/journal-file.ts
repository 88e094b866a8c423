import { close, fdatasync, fsync, open, rename, write } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import type { Journal, JournalOwner, OfferNote, OfferRecord } from './memory.ts'

/** A shorter file is not rewritten. */
const SHORT_BYTES = 256 << 10

/** The first line: the format, and the robot. */
export interface Head {
  readonly robot_memory: 1
  readonly id: string
  readonly robot: string
  readonly start: number
  /** The id of the machine's boot, if the system has one. */
  readonly boot: string
}

/** A line that says how far the file was durable when it was written: damage before that is no torn end. */
export interface DurableUpTo {
  readonly durable_bytes: number
}

/** A note that is not stored yet, as far as its writer waits for that. */
interface Pending {
  readonly note: OfferNote
  readonly stored: () => void
}

/** A file that was replaced, and is open for appending. */
interface Opened {
  readonly fd: number
  readonly bytes: number
}

/**
 * The file of a robot's memory while this process writes it: one line per note, newest last. The loop never waits for
 * the disk. Notes that come meanwhile are written together, and one `fdatasync` makes durable all that were written
 * before it. Writing goes on during an `fdatasync`, so that a note survives the process soon.
 */
export class JournalFile implements Journal {
  readonly #file: string
  readonly #head: Head
  readonly #owner: JournalOwner
  readonly #release: () => void
  #fd: number
  #bytes: number
  /** The length that the last `fdatasync` covers, and the part of it that a line in the file names. */
  #durable = { bytes: 0, named: 0 }
  /** The length from which it is worth checking how much of the file is still needed. */
  #longBytes = SHORT_BYTES
  readonly #pending = new Set<Pending>()
  #unwritten: Pending[] = []
  /** Notes that were written since the last `fdatasync` and need one. */
  #unsynced: Pending[] = []
  #writing: Promise<void> | null = null
  #syncing: Promise<void> | null = null
  #broken = false

  private constructor(file: string, head: Head, { fd, bytes }: Opened, owner: JournalOwner, release: () => void) {
    this.#file = file
    this.#head = head
    this.#fd = fd
    this.#bytes = bytes
    this.#durable = { bytes, named: bytes }
    this.#owner = owner
    this.#release = release
  }

  /** Rewrites the file atomically. Resolves with a function that continues it; rejects if it cannot be written. */
  static async open(
    file: string,
    head: Head,
    kept: readonly OfferRecord[],
    release: () => void,
  ): Promise<(owner: JournalOwner) => JournalFile> {
    const opened = await replace(file, linesOf(head, kept))
    return (owner) => new JournalFile(file, head, opened, owner, release)
  }

  write(note: OfferNote, then: () => void): void {
    const pending = { note, stored: then }
    this.#pending.add(pending)
    this.#unwritten.push(pending)
    this.#writing ??= this.#writeAll()
  }

  async close(): Promise<void> {
    while (this.#writing !== null || this.#syncing !== null) {
      await this.#writing
      await this.#syncing
    }
    await this.#closeFile()
    this.#release()
  }

  async #writeAll(): Promise<void> {
    // All notes of this round of the loop are written together.
    await new Promise((resolve) => setImmediate(resolve))
    try {
      while (this.#unwritten.length > 0) {
        if (this.#bytes < this.#longBytes || !await this.#shorten()) await this.#append()
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#writing = null
  }

  async #append(): Promise<void> {
    const notes = this.#takeUnwritten()
    const { bytes: durable_bytes, named } = this.#durable
    const news = durable_bytes > named ? lineOf({ durable_bytes }) : ''
    this.#durable.named = durable_bytes
    const bytes = Buffer.from(news + notes.map(({ note }) => lineOf(note)).join(''))
    await writeWhole(this.#fd, bytes)
    this.#bytes += bytes.length
    for (const pending of notes) {
      const { state } = pending.note
      if (state === 'read' || state === 'ended') this.#unsynced.push(pending)
      // The orchestrator is sent a result meanwhile, so nothing waits until it is durable here.
      if (state !== 'read') this.#done(pending)
    }
    if (this.#unsynced.length > 0) this.#syncing ??= this.#syncAll()
  }

  async #syncAll(): Promise<void> {
    try {
      while (this.#unsynced.length > 0) {
        const notes = this.#unsynced
        const bytes = this.#bytes
        this.#unsynced = []
        await sync(this.#fd)
        this.#durable.bytes = bytes
        for (const pending of notes) this.#done(pending)
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#syncing = null
  }

  /** Replaces the file by one with only the records that are needed, if it has grown much longer than that. */
  async #shorten(): Promise<boolean> {
    await this.#syncing
    const notes = this.#takeUnwritten()
    const text = linesOf(this.#head, this.#owner.kept)
    this.#longBytes = Math.max(SHORT_BYTES, 4 * text.length)
    if (text.length >= this.#bytes / 2) {
      this.#unwritten.unshift(...notes)
      return false
    }
    // Windows does not replace a file that is open.
    await this.#closeFile()
    const { fd, bytes } = await replace(this.#file, text)
    this.#fd = fd
    this.#bytes = bytes
    this.#durable = { bytes, named: bytes }
    for (const pending of notes) this.#done(pending)
    return true
  }

  #takeUnwritten(): readonly Pending[] {
    const notes = this.#unwritten
    this.#unwritten = []
    return notes
  }

  #done(pending: Pending): void {
    if (this.#pending.delete(pending)) pending.stored()
  }

  #fail(error: unknown): void {
    if (this.#broken) return
    this.#broken = true
    this.#unwritten = []
    this.#unsynced = []
    this.#owner.failed(error)
    for (const pending of this.#pending) this.#done(pending)
    void this.close()
  }

  async #closeFile(): Promise<void> {
    const fd = this.#fd
    this.#fd = -1
    if (fd !== -1) await closing(fd).catch(() => {})
  }
}

/** One line of the file: a checksum, and JSON. */
export function lineOf(what: Head | OfferNote | DurableUpTo): string {
  const json = JSON.stringify(what)
  return `${sumOf(json)} ${json}\n`
}

/** The checksum of a line. */
export function sumOf(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}

function linesOf(head: Head, kept: readonly OfferRecord[]): string {
  return [head, ...kept].map(lineOf).join('')
}

const opening = promisify(open)
const closing = promisify(close)
const renaming = promisify(rename)
const writing = promisify(write)

/** Replaces a file atomically and durably. */
async function replace(file: string, text: string): Promise<Opened> {
  const next = `${file}.new`
  const fd = await opening(next, 'w', 0o600)
  const bytes = Buffer.from(text)
  try {
    await writeWhole(fd, bytes)
    await flush(fd)
  } finally {
    await closing(fd)
  }
  await renaming(next, file)
  await syncFolder(dirname(file))
  return { fd: await opening(file, 'a', 0o600), bytes: bytes.length }
}

async function writeWhole(fd: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await writing(fd, bytes, at)).bytesWritten
}

/** Makes the content of a file durable. */
function sync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fdatasync(fd, (error) => error ? reject(error) : resolve()))
}

/** Makes a file or a folder durable. */
function flush(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fsync(fd, (error) => error ? reject(error) : resolve()))
}

/** Makes the new name survive a power cut. Windows does so by itself, and cannot open folders. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const fd = await opening(folder, 'r')
    await flush(fd).finally(() => closing(fd))
  } catch {
    // This system has no other way.
  }
}
