import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { lockFile } from './file-lock.ts'
import { type DurableUpTo, type Head, JournalFile, sumOf } from './journal-file.ts'
import { Memory, type OfferNote, type OfferRecord, type RestoredMemory } from './memory.ts'
import type { Settings } from './options.ts'
import { messageOf } from './text.ts'

/**
 * The memory of a robot in a file, so that it survives the process. One line per note, with a checksum, newest last. The
 * file is rewritten with the records that are still needed at each start and when it has grown. An incomplete end left
 * by a power cut is ignored, since nothing was done yet that relies on it; damage anywhere else is an error.
 */

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
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    release = await lockFile(file)
    if (release === null) throw new Error('another process uses it')
    const restored = await readStateFile(file, robot)
    const head: Head = { robot_memory: 1, id: restored.id, robot, start: restored.start, boot: await bootOf() }
    const journal = await JournalFile.open(file, head, restored.kept, release)
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
async function readStateFile(file: string, robot: string): Promise<RestoredMemory> {
  const text = await textOf(file)
  if (text === null) return { id: randomUUID(), start: 1, kept: [] }
  const [{ value: head } = { value: undefined }, ...lines] = linesOf(text)
  if (!isHead(head)) throw new Error('it is not the state of a robot, or it is damaged')
  if (head.robot !== robot) throw new Error(`it belongs to the robot ${head.robot}`)
  // On the same boot, the worst that can have happened is that the process was killed.
  const certain = head.boot !== '' && head.boot === await bootOf()
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

/** The boot id of Linux. Empty if the system does not have one or does not permit reading it. */
async function bootOf(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  } catch {
    return ''
  }
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/**
 * The notes without those that were being written when the process was killed or, if not `certain`, the machine stopped.
 * Notes that were written in a row may then be missing in any order, unless a later line says that they were durable.
 */
function notesOf(lines: readonly Line[], certain: boolean): readonly OfferNote[] {
  const first = lines.findIndex(({ value }) => value === undefined)
  const whole = first === -1 ? lines : lines.slice(0, first)
  const lost = lines.slice(whole.length)
  const at = lost[0]?.at ?? 0
  // Nothing, or part of a line, follows the last line break.
  const torn = certain ? lost.length <= 1 : !lost.some(({ value }) => isDurable(value) && value.durable_bytes > at)
  if (!torn) throw new Error(`line ${whole.length + 2} is damaged`)
  return whole.flatMap(({ value }) => isDurable(value) ? [] : [value as OfferNote])
}

function isHead(line: unknown): line is Head {
  return typeof line === 'object' && line !== null && 'robot_memory' in line && line.robot_memory === 1
}

function isDurable(line: unknown): line is DurableUpTo {
  return typeof line === 'object' && line !== null && 'durable_bytes' in line
}

/** One line of the file: the byte that it begins at, and its JSON; `undefined` if it is damaged. */
interface Line {
  readonly at: number
  readonly value: unknown
}

function linesOf(text: string): readonly Line[] {
  let next = 0
  return text.split('\n').map((line) => {
    const at = next
    next += Buffer.byteLength(line) + 1
    return { at, value: read(line) }
  })
}

function read(line: string): unknown {
  const [, sum = '', json = ''] = /^([0-9a-f]{8}) (.*)$/.exec(line) ?? []
  return json === '' || sumOf(json) !== sum ? undefined : JSON.parse(json)
}
