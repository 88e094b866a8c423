import { findJob, refuseMessage, type Turn } from '../turn.ts'
import type { FactOf } from '../fact.ts'
import { hash128 } from '../base/hash.ts'
import type { JobId, RobotId } from '../base/ids.ts'
import { isLive, type JobRow } from '../records/job.ts'
import { LATE_LOG_MS, LOG_BATCH_MAX, LOG_BYTES_MAX, LOG_LINES_MAX, LOG_MESSAGES_MAX, ROW_BYTES } from '../settings.ts'
import { mayWrite } from '../limiter/message-rate.ts'
import { LOG_CHARS_MAX } from '../protocol/bounds.ts'
import { clip, cut, utf8Bytes } from '../base/text.ts'
import { toText } from '../base/json.ts'
import type { LogEntry, Message, RobotMessage } from '../protocol/message.ts'
import { type Refusal, refuse } from '../base/refusal.ts'
import type { State } from '../state.ts'
import type { Session } from '../session.ts'
import { countRefusedLines, logCountOf } from '../limiter/log-count.ts'

/** The number of different flaws that are recorded in one job's log. */
const FLAWS_MAX = 20

/**
 * Stores log lines from the robot that runs the job or ran it last. Late lines are accepted for a while. A repeated
 * message, for instance after a reconnection, is not stored twice.
 */
export function logReceived(
  state: State,
  session: Session,
  message: Message<'log_entry'> | Message<'log_batch'>,
  turn: Turn,
): void {
  const entries = message.type === 'log_batch' ? message.payload.entries : [message.payload]
  if (entries.length > LOG_BATCH_MAX * 10) {
    const refusal = refuse('INVALID_PAYLOAD', `log_batch: at most ${LOG_BATCH_MAX * 10} entries`, {
      log_batch_size: LOG_BATCH_MAX,
    })
    return refuseMessage(turn, session.socket, refusal, message.id)
  }
  const job = findJob(state, message.payload.job_id, turn)
  if (job === undefined || job.robot_id !== session.robot) {
    return refuseMessage(turn, session.socket, unknownJob(message.payload.job_id), message.id)
  }
  if (!isLive(job.status) && turn.now - (job.completed_at ?? 0) > LATE_LOG_MS) return
  if (isRepeated(state, session, message)) return
  const lines = entries.filter((entry) => entry !== null)
  for (const line of lines) recordLine(state, session, job, line, turn)
  const unread = entries.length - lines.length
  if (unread > 0) {
    addNote(state, job.id, session.robot, `${unread} of ${entries.length} lines of a batch could not be read`, turn)
  }
}

/** Records the flaws of an accepted message in the log of its job, once each, since a robot repeats its errors. */
export function logFlaws(state: State, session: Session, { type, payload, flaws }: RobotMessage, turn: Turn): void {
  const job = flaws === undefined || !('job_id' in payload) ? undefined : state.jobs.get(payload.job_id)
  if (job === undefined || flaws === undefined || job.robot_id !== session.robot || !isLive(job.status)) return
  const count = logCountOf(state, job.id, turn.now)
  const noted = count.noted ??= new Set()
  // Identified by the field that each description begins with, since the content may differ every time.
  const fault = [type, ...flaws.words.map((words) => words.split(' ', 1)[0])].join()
  if (noted.size >= FLAWS_MAX || noted.has(fault)) return
  noted.add(fault)
  addNote(state, job.id, session.robot, `${type}: ${flaws.words.join('; ')}`, turn)
}

/** Stores the beginning of a text that cannot be stored in its proper place. */
export function logBeginning(state: State, job: JobRow, robot: RobotId, what: string, text: string, turn: Turn): void {
  addNote(state, job.id, robot, `${what} begins: ${clip(text, LOG_CHARS_MAX)}`, turn)
}

/** Adds to the log of a job that has ended the number of lines that were refused since. */
export function closeLateLog(state: State, id: JobId, turn: Turn): void {
  const late = state.lateLogs.get(id)
  state.lateLogs.delete(id)
  if (late !== undefined) addNote(state, id, late.robot, droppedByRate(late.refused), turn)
}

/** Adds to the log of a job that ends the number of lines that are missing, and why. */
export function closeLog(state: State, { job }: FactOf<'job.ended'>, turn: Turn): void {
  const count = state.logs.get(job.id)
  state.logs.delete(job.id)
  if (count === undefined || job.robot_id === null) return
  if (count.refused > 0) addNote(state, job.id, job.robot_id, droppedByRate(count.refused), turn)
  if (count.dropped > 0) {
    addNote(state, job.id, job.robot_id, `${count.dropped} lines were left out: this log is full`, turn)
  }
}

/** Adds a line of the orchestrator to a job's log. */
function addNote(state: State, job_id: JobId, robot_id: RobotId, message: string, turn: Turn): void {
  turn.out.logs.push({
    seq: ++state.seq,
    job_id,
    robot_id,
    timestamp: turn.now,
    robot_timestamp: null,
    level: 'WARNING',
    node_id: '',
    message,
    extra: null,
  })
}

function droppedByRate(lines: number): string {
  return `${lines} ${lines === 1 ? 'line' : 'lines'} dropped by the rate limit`
}

/** The refusal of a message about a job that the robot does not have. */
export function unknownJob(id: JobId): Refusal {
  return refuse('NOT_FOUND', `This robot has no job ${cut(id, 256)}`)
}

function isRepeated(state: State, session: Session, { id }: Message<'log_entry'> | Message<'log_batch'>): boolean {
  if (id === undefined) return false
  // Hashed, because an id may have any length, and thousands of robots remember a thousand each.
  const [high, low] = hash128(`${typeof id} ${id}`)
  const hash = (high % (1 << 21)) * 2 ** 32 + low
  const known = state.logMessages.get(session.robot) ?? new Set()
  if (known.has(hash)) return true
  state.logMessages.set(session.robot, known.add(hash))
  const [oldest] = known
  if (known.size > LOG_MESSAGES_MAX && oldest !== undefined) known.delete(oldest)
  return false
}

function recordLine(state: State, session: Session, job: JobRow, entry: LogEntry, turn: Turn): void {
  const extra = entry.extra === undefined || entry.extra === null ? null : toText(entry.extra)
  const bytes = ROW_BYTES + utf8Bytes(entry.message) + utf8Bytes(extra ?? '')
  const count = isLive(job.status) ? logCountOf(state, job.id, turn.now) : null
  if (count !== null && (count.stored >= LOG_LINES_MAX || count.bytes >= LOG_BYTES_MAX)) {
    count.dropped++
    return
  }
  if (!mayWrite(state, session.robot, count?.disk ?? null, bytes, turn.now)) {
    return countRefusedLines(state, job, 1, turn)
  }
  if (count !== null) {
    count.stored++
    count.bytes += bytes
  }
  turn.out.logs.push({
    seq: ++state.seq,
    job_id: job.id,
    robot_id: session.robot,
    timestamp: turn.now,
    robot_timestamp: robotTime(entry.timestamp),
    level: entry.level,
    node_id: entry.node_id,
    message: entry.message,
    extra,
  })
}

/** The timestamp as the robot sent it, clipped. */
function robotTime(timestamp: unknown): string | null {
  if (typeof timestamp === 'number') return String(timestamp)
  return typeof timestamp === 'string' && timestamp !== '' ? clip(timestamp, 64) : null
}
