import { closeSync, openSync, readFileSync, readSync, type Stats, statSync } from 'node:fs'

/**
 * Reads the stamps of a database file and of its WAL from their bytes, separately. SQLite reads them as one database,
 * whether or not they belong together: the pages of a newer WAL over an older file make a database that never existed.
 * https://www.sqlite.org/fileformat2.html
 */

/** The row `meta` in one of the two places. */
export interface Stamp {
  readonly identity: string
  readonly turns: number
}

/**
 * The columns of the row `meta` in their order; `identity`, `turns` and `together` are found by it. A test compares it
 * with the schema.
 */
export const META_COLUMNS = [
  'only',
  'schema_version',
  'epoch',
  'seq',
  'clock',
  'identity',
  'turns',
  'together',
  'checksum',
] as const

/** The stamps of a file and its WAL; null if there is none to be read. */
export interface Stamps {
  readonly file: Stamp | null
  /** The stamp after the last transaction in the WAL, and the number of turns before the first one. */
  readonly wal: { readonly last: Stamp; readonly before: number } | null
}

const HEADER_BYTES = 100
const WAL_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const LEAF = 13
const INTERIOR = 5

/** Reads both. Damage is for SQLite to detect: here a damaged file just has no stamp. */
export function stampsOf(path: string): Stamps {
  const none: Stamps = { file: null, wal: null }
  if (statOf(path)?.isFile() !== true) return none
  const fd = openSync(path, 'r')
  try {
    const header = bytesOf(fd, 0, HEADER_BYTES)
    if (header === null || header.toString('latin1', 0, 15) !== 'SQLite format 3') return none
    const size = header.readUInt16BE(16)
    const pageSize = size === 1 ? 65_536 : size
    const page = (number: number): Buffer | null => bytesOf(fd, (number - 1) * pageSize, pageSize)
    const root = rootOfMeta(page)
    if (root === null) return none
    const own = page(root)
    return { file: own === null ? null : stampOn(own), wal: walStamps(`${path}-wal`, root, pageSize) }
  } catch (error) {
    // A number that leads outside the page.
    if (error instanceof RangeError) return none
    throw error
  } finally {
    closeSync(fd)
  }
}

function bytesOf(fd: number, at: number, length: number): Buffer | null {
  const bytes = Buffer.alloc(length)
  return readSync(fd, bytes, 0, length, at) === length ? bytes : null
}

/** The root page of the table `meta`: it was created first, so it is first in the schema. */
function rootOfMeta(page: (number: number) => Buffer | null): number | null {
  let at = HEADER_BYTES
  let number = 1
  for (let depth = 0; depth < 10; depth++, at = 0) {
    const bytes = page(number)
    if (bytes === null) return null
    if (bytes[at] === INTERIOR) {
      const cells = bytes.readUInt16BE(at + 3)
      number = bytes.readUInt32BE(cells === 0 ? at + 8 : bytes.readUInt16BE(at + 12))
      continue
    }
    const [type, name, , root] = firstRecord(bytes, at) ?? []
    return type === 'table' && name === 'meta' && typeof root === 'number' ? root : null
  }
  return null
}

interface StampOfTransaction extends Stamp {
  /** The number of turns of the transaction. */
  readonly together: number
}

function stampOn(page: Buffer): StampOfTransaction | null {
  const record = firstRecord(page, 0)
  const identity = record?.[META_COLUMNS.indexOf('identity')]
  const turns = record?.[META_COLUMNS.indexOf('turns')]
  const together = record?.[META_COLUMNS.indexOf('together')]
  if (typeof identity !== 'string' || identity === '') return null
  return typeof turns === 'number' && typeof together === 'number' ? { identity, turns, together } : null
}

/** The values of the first row on a leaf page of a table. */
function firstRecord(page: Buffer, at: number): readonly unknown[] | null {
  if (page[at] !== LEAF || page.readUInt16BE(at + 3) === 0) return null
  let cursor = page.readUInt16BE(at + 8)
  const varint = (): number => {
    let value = 0
    for (let i = 0; i < 8; i++) {
      const byte = page.readUInt8(cursor++)
      value = value * 128 + (byte & 0x7f)
      if (byte < 0x80) return value
    }
    return value * 256 + page.readUInt8(cursor++)
  }
  varint() // Skip the size of the row.
  varint() // Skip the row id.
  const header = cursor
  const body = header + varint()
  const types: number[] = []
  // Each takes at least one byte, so the cursor advances.
  for (let left = body - cursor; left > 0; left = body - cursor) types.push(varint())
  cursor = body
  return types.map((type) => {
    const length = type >= 12 ? (type - (type % 2 === 0 ? 12 : 13)) / 2 : [0, 1, 2, 3, 4, 6, 8, 8, 0, 0][type] ?? 0
    const from = cursor
    cursor += length
    if (type === 8 || type === 9) return type - 8
    if (type === 0 || type === 7) return null
    if (type >= 12) return type % 2 === 0 ? null : page.toString('latin1', from, cursor)
    return length <= 6 ? page.readIntBE(from, length) : Number(page.readBigInt64BE(from))
  })
}

/** The stamps in the frames that SQLite counts as complete and committed. */
function walStamps(path: string, root: number, pageSize: number): Stamps['wal'] {
  const wal = readIfThere(path)
  if (wal === null || wal.length < WAL_HEADER_BYTES || wal.readUInt32BE(0) >>> 1 !== 0x377f0682 >>> 1) return null
  if (wal.readUInt32BE(8) !== pageSize) return null
  const sum = new Sum((wal.readUInt32BE(0) & 1) === 0)
  sum.add(wal, 0, 24)
  if (!sum.matches(wal, 24)) return null
  let first: StampOfTransaction | null = null
  let last: StampOfTransaction | null = null
  let latest: StampOfTransaction | null = null
  for (
    let at = WAL_HEADER_BYTES;
    at + FRAME_HEADER_BYTES + pageSize <= wal.length;
    at += FRAME_HEADER_BYTES + pageSize
  ) {
    if (wal.compare(wal, 16, 24, at + 8, at + 16) !== 0) break
    sum.add(wal, at, 8)
    sum.add(wal, at + FRAME_HEADER_BYTES, pageSize)
    if (!sum.matches(wal, at + 16)) break
    if (wal.readUInt32BE(at) === root) {
      const page = wal.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + pageSize)
      latest = stampOn(page)
      // From before the migration that introduced the count.
      if (latest === null && first === null) return null
    }
    if (wal.readUInt32BE(at + 4) !== 0 && latest !== null) {
      first ??= latest
      last = latest
    }
  }
  return first === null || last === null ? null : { last, before: first.turns - first.together }
}

/** The bytes of a file, or null if there is none. SQLite reports any other problem better. */
export function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch {
    return null
  }
}

/** The checksum of a WAL, which continues from frame to frame. */
class Sum {
  #a = 0
  #b = 0
  readonly #little: boolean

  constructor(little: boolean) {
    this.#little = little
  }

  add(bytes: Buffer, from: number, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + from, length)
    let [a, b] = [this.#a, this.#b]
    for (let at = 0; at < length; at += 8) {
      a = (a + view.getUint32(at, this.#little) + b) | 0
      b = (b + view.getUint32(at + 4, this.#little) + a) | 0
    }
    this.#a = a
    this.#b = b
  }

  matches(bytes: Buffer, at: number): boolean {
    return bytes.readInt32BE(at) === this.#a && bytes.readInt32BE(at + 4) === this.#b
  }
}

/** The stats of a file; undefined if it does not exist, or if a part of the path is not a folder. */
export function statOf(path: string): Stats | undefined {
  // In the latter case Node 20 throws, although it is asked not to.
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}
