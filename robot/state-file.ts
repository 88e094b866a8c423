import { closeSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { createHash, randomUUID } from 'node:crypto'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { lockFile } from './file-lock.ts'
import { type Journal, Memory, type OfferNote, type OfferRecord, type RestoredMemory } from './memory.ts'
import type { Settings } from './options.ts'
import { messageOf } from './text.ts'

/**
 * The memory of a robot in a file, so that it survives the process. One line per note, with a checksum, newest last; a
 * job costs two writes that are waited for. The file is rewritten with the records that are still needed at each start
 * and when it has grown. An incomplete end left by a power cut is ignored, since nothing was done yet that relies on
 * it; damage anywhere else is an error.
 */

/** The first line: the format, and the robot. */
interface Head {
  readonly robot_memory: 1
  readonly id: string
  readonly robot: string
  readonly start: number
  /** The id of the machine's boot, if the system has one. */
  readonly boot: string
}

/** A shorter file is not rewritten. */
const SHORT_BYTES = 256 << 10

const ENDS_SOON = 'what the robot knows of its jobs ends with its process'

/**
 * Opens the memory that a robot keeps in a file, and creates the file if there is none. If the file cannot be used,
 * warns and uses a memory that ends with the process. The same happens when the file cannot be written later: the robot
 * then has to register anew, and `failed` is called.
 */
export async function openMemory(
  { id: robot, url, stateFile }: Pick<Settings, 'id' | 'url' | 'stateFile'>,
  warn: (message: string) => void,
  failed: () => void,
): Promise<Memory> {
  if (stateFile === false) return Memory.ofProcess()
  let file = stateFile ?? ''
  let release: (() => void) | null = null
  try {
    file ||= usualStateFile(robot, url)
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    release = await lockFile(file)
    if (release === null) throw new Error('another process uses it')
    const restored = readStateFile(file, robot)
    const journal = new StateFile(file, headOf(restored, robot), restored.kept, release)
    return new Memory(restored, journal, (error) => {
      warn(`the state file ${file} cannot be written: ${messageOf(error)}; ${ENDS_SOON}`)
      failed()
    })
  } catch (error) {
    release?.()
    warn(`the state file ${file} cannot be used: ${messageOf(error)}; ${ENDS_SOON}`)
    return Memory.ofProcess()
  }
}

/** The default state file: by user, robot and orchestrator. Throws if there is no place for it. */
export function usualStateFile(robot: string, url: string): string {
  const { origin, pathname } = new URL(url.replace(/^ws/, 'http'))
  const hash = createHash('sha256').update(`${robot}\n${origin}${pathname}`).digest('hex').slice(0, 12)
  return join(stateFolder(), 'casare-robot', `${robot.replace(/[^\w-]+/g, '_').slice(0, 60)}-${hash}.jsonl`)
}

function stateFolder(): string {
  const { platform, env } = process
  if (platform === 'win32') return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local')
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support')
  return env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state')
}

/** Reads the file; without one, begins a new memory. Throws if the file is damaged or belongs to another robot. */
function readStateFile(file: string, robot: string): RestoredMemory {
  const text = textOf(file)
  if (text === null) return { id: randomUUID(), start: 1, kept: [] }
  const [head, ...lines] = text.split('\n').map(read)
  if (!isHead(head)) throw new Error('it is not the state of a robot, or it is damaged')
  if (head.robot !== robot) throw new Error(`it belongs to the robot ${head.robot}`)
  // On the same boot, the worst that can have happened is that the process was killed.
  const certain = head.boot !== '' && head.boot === bootOf()
  const notes = notesOf(lines, certain)
  const kept = new Map<string, OfferRecord>()
  for (const note of notes) {
    const key = JSON.stringify([note.offer.job_id, note.offer.offer])
    kept.delete(key)
    if (note.state !== 'settled') kept.set(key, note)
  }
  // That a job has begun is written without waiting for the disk, so the note may be missing after a power cut.
  const doubted = (
    one: OfferRecord,
  ): OfferRecord => (one.state === 'read' && !certain ? { offer: one.offer, state: 'begun' } : one)
  return { id: head.id, start: head.start + 1, kept: [...kept.values()].map(doubted) }
}

function headOf({ id, start }: RestoredMemory, robot: string): Head {
  return { robot_memory: 1, id, robot, start, boot: bootOf() }
}

/** The boot id of Linux. Empty if the system does not have one or does not permit reading it. */
function bootOf(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/**
 * The notes without the one that was being written when the process was killed or, if not `certain`, the machine
 * stopped.
 */
function notesOf(lines: readonly unknown[], certain: boolean): readonly OfferNote[] {
  const first = lines.indexOf(undefined)
  const whole = first === -1 ? lines : lines.slice(0, first)
  const lost = lines.slice(whole.length)
  // Nothing, or part of a line, follows the last line break.
  const torn = certain ? lost.length <= 1 : lost.every((line) => line === undefined)
  if (!torn) throw new Error(`line ${whole.length + 2} is damaged`)
  return whole as OfferNote[]
}

function isHead(line: unknown): line is Head {
  return typeof line === 'object' && line !== null && 'robot_memory' in line && line.robot_memory === 1
}

function read(line: string): unknown {
  const [, sum = '', json = ''] = /^([0-9a-f]{8}) (.*)$/.exec(line) ?? []
  return json === '' || sumOf(json) !== sum ? undefined : JSON.parse(json)
}

function lineOf(what: Head | OfferNote): string {
  const json = JSON.stringify(what)
  return `${sumOf(json)} ${json}\n`
}

function sumOf(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}

/** The file while this process writes it. */
class StateFile implements Journal {
  readonly #file: string
  readonly #head: Head
  readonly #release: () => void
  #fd = -1
  #bytes = 0
  /** The length from which it is worth checking how much of the file is still needed. */
  #longBytes = SHORT_BYTES

  /** Rewrites the file atomically, and continues with it. */
  constructor(file: string, head: Head, kept: readonly OfferRecord[], release: () => void) {
    this.#file = file
    this.#head = head
    this.#release = release
    this.#replace([head, ...kept].map(lineOf).join(''))
  }

  write(note: OfferNote, durable: boolean): void {
    const bytes = Buffer.from(lineOf(note))
    writeAll(this.#fd, bytes)
    this.#bytes += bytes.length
    if (durable) fdatasyncSync(this.#fd)
  }

  shorten(kept: readonly OfferRecord[]): void {
    if (this.#bytes < this.#longBytes) return
    const text = [this.#head, ...kept].map(lineOf).join('')
    if (text.length < this.#bytes / 2) this.#replace(text)
    this.#longBytes = Math.max(SHORT_BYTES, 4 * text.length)
  }

  close(): void {
    if (this.#fd !== -1) closeSync(this.#fd)
    this.#fd = -1
    this.#release()
  }

  #replace(text: string): void {
    const next = `${this.#file}.new`
    const fd = openSync(next, 'w', 0o600)
    const bytes = Buffer.from(text)
    try {
      writeAll(fd, bytes)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    // Windows does not replace a file that is open.
    if (this.#fd !== -1) closeSync(this.#fd)
    this.#fd = -1
    renameSync(next, this.#file)
    syncFolder(dirname(this.#file))
    this.#fd = openSync(this.#file, 'a', 0o600)
    this.#bytes = bytes.length
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
}

/** Makes the new name survive a power cut. Windows does so by itself, and cannot open folders. */
function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch {
    // This system has no other way.
  }
}
