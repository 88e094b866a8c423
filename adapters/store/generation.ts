import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { StoreDamaged, StoreUnusable } from './contract.ts'
import { readIfThere, type Stamp, stampsOf, statOf } from './pages.ts'
import { PRIVATE_FILE } from './private.ts'
import type { TurnCounter } from './sqlite.ts'

/**
 * A small file beside a database records its identity and the least number of turns that it has had, so that a start
 * detects that the database or its WAL is missing or was exchanged. Decision 17 describes the states that a power cut
 * may leave: this file is never ahead of what is durable in the database.
 *
 * The first block is replaced atomically, with facts that hold even after a power cut. The second is a number that is
 * overwritten with each turn, without waiting for the disk: exact if the process was killed, possibly too small, never
 * too large, after a power cut. With `durability: relaxed` a power cut may lose commits, so there the number only tells
 * how many.
 */

const BLOCK_BYTES = 4096
/** Written twice, so that half a write is recognised. */
const DIGITS = 16

interface GenerationMark extends Stamp {
  readonly state: 'running' | 'stopped'
  readonly durability: 'full' | 'relaxed'
  /** The number of turns by the second block. */
  readonly counted: number
}

/** The state of a database by the files beside it, read before it is opened. */
export interface Generation {
  /** True if the last process stopped in order, so that nothing has to be checked. */
  readonly isOrderly: boolean
  /**
   * Throws `StoreDamaged` when this is another database than before, or has had fewer turns. Returns the number of
   * turns that a power cut has lost, which only `durability: relaxed` permits.
   */
  verify(found: () => Stamp): number
}

function markPath(path: string): string {
  return `${path}-generation`
}

/**
 * Compares the files of a database before SQLite opens them, because it would combine a file and a WAL that do not
 * belong together. Throws `StoreDamaged` when they do not. `fresh`: a missing database may be created.
 */
export function readGeneration(path: string, fresh: boolean): Generation {
  const isThere = (statOf(path)?.size ?? 0) > 0
  if (fresh && !isThere) {
    for (const left of [markPath(path), `${path}-wal`, `${path}-shm`]) rmSync(left, { force: true })
  }
  const mark = readMark(path)
  const verify = (found: () => Stamp): number => (mark === null ? 0 : verifyAgainst(mark, path, found()))
  if (!isThere) {
    const left = [markPath(path), `${path}-wal`].find((file) => existsSync(file))
    if (left !== undefined) {
      throw new StoreDamaged(
        `is missing or empty, though ${basename(left)} is there: restore it from a backup, or start once with --new ` +
          'to begin with an empty database',
      )
    }
    return { isOrderly: true, verify }
  }
  const { file, wal } = stampsOf(path)
  if (wal !== null) {
    const turns = file?.turns ?? 0
    if (file !== null && file.identity !== wal.last.identity) mixed(path, 'of different databases')
    if (turns < wal.before) {
      mixed(path, `of different times: the first is at turn ${turns}, the second begins at ${wal.before + 1}`)
    }
    if (turns > wal.last.turns) {
      mixed(path, `of different times: the first is at turn ${turns}, the second ends at ${wal.last.turns}`)
    }
  }
  const latest = wal?.last ?? file
  if (latest !== null) verify(() => latest)
  const hasWal = (statOf(`${path}-wal`)?.size ?? 0) > 0
  const isOrderly = mark === null ? !hasWal : mark.state === 'stopped' && !hasWal && latest?.turns === mark.turns
  return { isOrderly, verify }
}

function mixed(path: string, how: string): never {
  const name = basename(path)
  throw new StoreDamaged(
    `and ${name}-wal are ${how}: restore both from one backup, or move the second away if the first is a backup ` +
      `without one, and ${name}-generation with it`,
  )
}

function verifyAgainst(mark: GenerationMark, path: string, found: Stamp): number {
  const wayOut = 'restore the newest backup; or, to go on with this one and do without what is missing, ' +
    `delete ${markPath(path)}`
  if (mark.identity !== found.identity) {
    throw new StoreDamaged(`is another database than the one that ${basename(markPath(path))} belongs to: ${wayOut}`)
  }
  const certain = mark.durability === 'full' ? Math.max(mark.turns, mark.counted) : mark.turns
  if (found.turns < certain) {
    throw new StoreDamaged(
      `is older than it was, or its WAL is missing or damaged (it is at turn ${found.turns} and was at ${certain}): ${wayOut}`,
    )
  }
  return Math.max(0, mark.counted - found.turns)
}

function readMark(path: string): GenerationMark | null {
  const bytes = readIfThere(markPath(path))
  if (bytes === null) return null
  const [text = '', sum = ''] = bytes.toString('latin1', 0, BLOCK_BYTES).trimEnd().split('\n')
  if (sum !== sumOf(text)) {
    throw new StoreDamaged(
      `cannot be compared with ${basename(path)}-generation, which is damaged: see that the database is the right ` +
        `one, and delete ${markPath(path)}`,
    )
  }
  const half = (from: number): string => bytes.toString('latin1', BLOCK_BYTES + from, BLOCK_BYTES + from + DIGITS)
  const counted = half(0) === half(DIGITS) && /^\d{16}$/.test(half(0)) ? Number(half(0)) : 0
  return { ...JSON.parse(text) as Omit<GenerationMark, 'counted'>, counted }
}

function digitsOf(turns: number): string {
  return String(turns).padStart(DIGITS, '0').repeat(2)
}

/** A checksum that distinguishes an intact file from a damaged one. */
function sumOf(text: string): string {
  let sum = 0
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0
  return (sum >>> 0).toString(16)
}

/** Records in a transaction that it has this number of turns. That of one turn has done so itself. */
export const RECORD_TOGETHER = 'update meta set together = ?1'

/** Maintains the file beside a database while a store is open. */
export interface GenerationFile extends TurnCounter {
  /** The last process that wrote to the database has stopped in order, and everything is in the file. */
  stopped(): void
  /** True if no other process has written to a database with this number of turns. */
  isLast(found: number): boolean
  /** Closes the file. */
  close(): void
}

/** `flush` makes everything committed durable, under either durability. */
export function openGenerationFile(path: string, durability: 'full' | 'relaxed', flush: () => void): GenerationFile {
  let fd: number | null = null
  let identity = ''
  let turns = 0

  function count(): void {
    if (fd === null) return
    try {
      const digits = Buffer.from(digitsOf(turns))
      // Deno ignores the position when writing a string.
      writeSync(fd, digits, 0, digits.length, BLOCK_BYTES)
    } catch {
      // The number stays too small, which is permitted.
    }
  }

  function replace(state: GenerationMark['state']): void {
    const mark = JSON.stringify({ identity, state, turns, durability })
    const draft = `${markPath(path)}.new`
    try {
      const next = openSync(draft, 'w', PRIVATE_FILE)
      try {
        writeSync(next, `${mark}\n${sumOf(mark)}`.padEnd(BLOCK_BYTES) + digitsOf(turns))
        fsyncSync(next)
      } finally {
        closeSync(next)
      }
      renameSync(draft, markPath(path))
      close()
      fd = openSync(markPath(path), 'r+')
      syncFolder(dirname(path))
    } catch (error) {
      throw new StoreUnusable(`cannot be noted in ${basename(markPath(path))}: ${(error as Error).message}`)
    }
  }

  function close(): void {
    if (fd !== null) closeSync(fd)
    fd = null
  }

  return {
    loaded(found, reached) {
      const isFirst = fd === null
      ;[identity, turns] = [found, reached]
      if (!isFirst) return count()
      flush()
      replace('running')
    },
    committed(more = 1) {
      turns += more
      count()
    },
    stopped() {
      flush()
      replace('stopped')
    },
    isLast: (found) => found === turns,
    close,
  }
}

/**
 * Makes the names in a folder survive a power cut. On Windows, which cannot do that, the former file may come back, and
 * its content is permitted as well.
 */
function syncFolder(folder: string): void {
  let fd: number | null = null
  try {
    fd = openSync(folder, 'r')
    fsyncSync(fd)
  } catch {
    // See above.
  } finally {
    if (fd !== null) closeSync(fd)
  }
}
