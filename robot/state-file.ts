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
 * The memory of a robot in a file, so that it outlasts the process.
 *
 * A line for each note, with a checksum, the newest last: a job costs two writes that are waited for. Each start writes the
 * file anew with what is still kept, and so does a process whose file has grown. What a power cut leaves of the end of
 * the file is passed over, for nothing was done yet that rests on it; damage anywhere else is not.
 */

/** The first line: what this is, and of which robot. */
interface Head {
  readonly robot_memory: 1
  readonly id: string
  readonly robot: string
  readonly start: number
  /** Which run of the machine it was, where the system tells. */
  readonly boot: string
}

/** A file that is shorter is not written anew. */
const SHORT_BYTES = 256 << 10

const ENDS_SOON = 'what the robot knows of its jobs ends with its process'

/**
 * Opens the memory that a robot keeps in a file, and makes the file if there is none. Where the file cannot be used, it says
 * so with `warn`, and the memory is one that ends with the process. So it goes on when the file cannot be written any
 * more: then the robot has to register anew, and `failed` is called.
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

/** Where a robot keeps its memory if nobody says: by user, robot and orchestrator. Throws where there is no such place. */
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

/** What the file says; if there is none, a memory that begins. Throws where it is damaged, or another robot's. */
function readStateFile(file: string, robot: string): RestoredMemory {
  const text = textOf(file)
  if (text === null) return { id: randomUUID(), start: 1, kept: [] }
  const [head, ...lines] = text.split('\n').map(read)
  if (!isHead(head)) throw new Error('it is not the state of a robot, or it is damaged')
  if (head.robot !== robot) throw new Error(`it belongs to the robot ${head.robot}`)
  // Whether the machine has run on since: then a process that was killed is all that can have happened.
  const certain = head.boot !== '' && head.boot === bootOf()
  const notes = notesOf(lines, certain)
  const kept = new Map<string, OfferRecord>()
  for (const note of notes) {
    const key = JSON.stringify([note.offer.job_id, note.offer.attempt])
    kept.delete(key)
    if (note.state !== 'settled') kept.set(key, note)
  }
  // That a job has begun is written without waiting for the disk: after a power cut it may be missing.
  const doubted = (
    one: OfferRecord,
  ): OfferRecord => (one.state === 'read' && !certain ? { offer: one.offer, state: 'begun' } : one)
  return { id: head.id, start: head.start + 1, kept: [...kept.values()].map(doubted) }
}

function headOf({ id, start }: RestoredMemory, robot: string): Head {
  return { robot_memory: 1, id, robot, start, boot: bootOf() }
}

/** What Linux calls this run of the machine. Empty where the system does not tell, or does not let us ask. */
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

/** The notes without what was being written last when the process was killed or, if not `certain`, the machine stopped. */
function notesOf(lines: readonly unknown[], certain: boolean): readonly OfferNote[] {
  const first = lines.indexOf(undefined)
  const whole = first === -1 ? lines : lines.slice(0, first)
  const lost = lines.slice(whole.length)
  // Behind the last line break stands nothing, or the part of a line.
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
  /** From which length on it is worth looking how much of it is still kept. */
  #longBytes = SHORT_BYTES

  /** Writes the file anew, in one step, and goes on with it. */
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

/** Has the new name outlast a power cut. Windows sees to that by itself, and does not open folders. */
function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch {
    // A system that cannot do it has no other way.
  }
}
