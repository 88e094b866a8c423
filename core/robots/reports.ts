import { findJob, refuseMessage, send, type Turn } from '../turn.ts'
import { foreignJobDone } from './foreign-work.ts'
import type { Event } from '../events/index.ts'
import type { JobId, RobotId, SocketId } from '../base/ids.ts'
import { hasExpiredOffer, isAssigned, isOffered, isStopping, type JobRow, reportedDuration } from '../records/job.ts'
import { isCurrent } from '../records/offer.ts'
import { parametersBytes } from '../records/parameters.ts'
import { saveJob } from '../jobs/save.ts'
import { JOB_TEXT_BYTES_MAX, ROW_BYTES } from '../settings.ts'
import { logBeginning, unknownJob } from './logs.ts'
import { mayWrite, postponeProgress } from '../limiter/message-rate.ts'
import { slotReleased, transition } from '../jobs/transition.ts'
import { offerDeclined, offerDeclinedLate } from './offers.ts'
import { backoff, isTransient } from '../jobs/retry.ts'
import { clip, exceedsBytes, utf8Bytes } from '../base/text.ts'
import { toText } from '../base/json.ts'
import type { Message } from '../protocol/message.ts'
import { RESULT_PROBLEMS, type ResultProblem } from '../protocol/unkept.ts'
import { borrowsId } from '../workflows/definitions.ts'
import { indexRobot } from '../queue/matching.ts'
import type { State } from '../state.ts'
import type { Session } from '../session.ts'
import type { Prefetch } from '../prefetch.ts'
import { saveAffinity } from '../queue/save.ts'
import { recordHistory, robotCause } from '../jobs/history.ts'

/**
 * Robots' messages about jobs. The sender is known from the connection; a job changes only by messages of the robot
 * that holds its last offer (I12). Anything else is late or foreign, and changes nothing.
 */

type JobMessage = Message<
  'job_accept' | 'job_reject' | 'job_progress' | 'job_complete' | 'job_failed' | 'job_cancelled'
>

/** A robot accepts a job, which is running from now on. A robot that is too late is asked to stop. */
export function accepted(state: State, session: Session, message: Message<'job_accept'>, turn: Turn): void {
  const job = heldJob(state, session, message)
  if (job === undefined) {
    // It has started a job that is no longer its own: the offer had expired, or the job has ended.
    send(turn, session.socket, {
      type: 'job_cancel',
      payload: { job_id: message.payload.job_id, reason: 'This job is no longer offered to this robot' },
    })
    return
  }
  session.refusals = 0
  if (job.status !== 'running') {
    transition(state, job, 'accept', turn, robotCause(session, `accepted by ${job.robot_name}`))
  }
}

/** A robot rejects an offered job. */
export function rejected(state: State, session: Session, message: Message<'job_reject'>, turn: Turn): void {
  const job = heldJob(state, session, message)
  if (job === undefined || job.status === 'running') return
  if (!isOffered(job)) return offerDeclinedLate(state, session, job, turn)
  const reason = message.payload.reason || 'no reason given'
  offerDeclined(state, job, turn, robotCause(session, `refused by ${job.robot_name}: ${reason}`))
}

/** Records progress, which never decreases within an attempt. A value out of range is moved to the nearest bound. */
export function progressed(state: State, session: Session, message: Message<'job_progress'>, turn: Turn): void {
  const held = heldJob(state, session, message)
  if (held === undefined) return
  const job = ensureStarted(state, session, held, turn)
  const { payload } = message
  const progress = Math.max(job.progress, Math.round(Math.min(100, Math.max(0, payload.progress ?? 0))))
  const current_node = payload.current_node || job.current_node
  const progress_message = payload.message || job.progress_message
  const { progress: former, current_node: node, progress_message: words } = job
  if (progress === former && current_node === node && progress_message === words) return
  // The whole row is written with it.
  const bytes = ROW_BYTES + parametersBytes(job) + utf8Bytes(progress_message)
  if (!mayWrite(state, session.robot, null, bytes, turn.now)) {
    return postponeProgress(state, session, message, job, turn.now)
  }
  saveJob(state, { ...job, progress, current_node, progress_message }, turn)
}

/** A robot has completed a job. */
export function completed(state: State, session: Session, message: Message<'job_complete'>, turn: Turn): void {
  const job = heldJob(state, session, message)
  if (job === undefined) return lateResult(state, session, message, turn)
  const result = toText(message.payload.result)
  const tooLarge = exceedsBytes(result, JOB_TEXT_BYTES_MAX - parametersBytes(job)) ? NO_ROOM : null
  const reason = message.flaws?.resultProblem ?? tooLarge
  if (reason !== null) return resultUnusable(state, session, job, message, reason, turn)
  const cause = robotCause(session, `completed by ${job.robot_name}`)
  const robot_duration_ms = reportedDuration(job, message.payload.duration_ms, turn.now)
  transition(state, ensureStarted(state, session, job, turn), 'complete', turn, cause, { result, robot_duration_ms })
  if (state.settings.strategy === 'affinity' && !borrowsId(state, job)) {
    const successes = (state.affinities.get(job.workflow_id)?.get(session.robot) ?? 0) + 1
    saveAffinity(state, { workflow_id: job.workflow_id, robot_id: session.robot, successes }, turn)
  }
}

const NO_ROOM: ResultProblem = {
  error_type: RESULT_PROBLEMS.large.error_type,
  why: `and the parameters together exceed ${JOB_TEXT_BYTES_MAX} bytes`,
}

/**
 * Fails a completed job whose result cannot be stored. The result is not cut, since a part would be taken for the
 * whole; the log gets its beginning.
 */
function resultUnusable(
  state: State,
  session: Session,
  job: JobRow,
  message: Message<'job_complete'>,
  { error_type, why }: ResultProblem,
  turn: Turn,
): void {
  const { result } = message.payload
  const text = typeof result === 'string' ? result : toText(result)
  if (text !== '{}') logBeginning(state, job, session.robot, 'The result', text, turn)
  transition(
    state,
    ensureStarted(state, session, job, turn),
    'fail',
    turn,
    robotCause(session, `completed, but its result ${why}`),
    {
      robot_duration_ms: reportedDuration(job, message.payload.duration_ms, turn.now),
      error_type,
      error_message: `${job.robot_name} completed this job; its result ${why}`,
    },
  )
}

/** A job has failed on its robot. */
export function failed(state: State, session: Session, message: Message<'job_failed'>, turn: Turn): void {
  const held = heldJob(state, session, message)
  if (held === undefined) return lateResult(state, session, message, turn)
  const job = ensureStarted(state, session, held, turn)
  const { payload } = message
  const error_message = payload.error_message || 'Unknown error'
  const error_type = payload.error_type || 'ExecutionError'
  const transient = isTransient(error_type, job)
  const detail = `failed on ${job.robot_name}: ${error_type}: ${clip(error_message, 200)}`
  if (transient && job.attempt < job.max_attempts) {
    const ready_at = turn.now + backoff(job.attempt, state.settings, state.random)
    const cause = robotCause(session, `${detail}; try ${job.attempt} of ${job.max_attempts}`)
    transition(state, job, 'back_off', turn, cause, { ready_at })
    return
  }
  transition(state, job, 'fail', turn, robotCause(session, detail), {
    error_message,
    error_type,
    stack_trace: payload.stack_trace,
    failed_node: payload.failed_node,
    dead_lettered: transient && job.max_attempts > 1,
  })
}

/**
 * A robot confirms that it has stopped a job; if the job was still its own, it stopped by itself. Without the
 * number of an offer, and while the job is only offered, the message is about an earlier offer: the robot would have
 * accepted this one first.
 */
export function cancelled(state: State, session: Session, message: Message<'job_cancelled'>, turn: Turn): void {
  const job = heldJob(state, session, message)
  if (job === undefined || (job.status !== 'running' && message.payload.offer === undefined)) {
    return hasStopped(state, session, message.payload.job_id, turn)
  }
  const cause = robotCause(session, `cancelled on ${job.robot_name}`)
  transition(state, ensureStarted(state, session, job, turn), 'cancel', turn, cause, {
    error_message: `Cancelled on the robot ${job.robot_name}`,
  })
}

/** A robot has finished a job that it was asked to stop, in whatever way. */
function hasStopped(state: State, session: Session, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (foreignJobDone(session, id)) indexRobot(state, session.robot)
  if (job === undefined || !isStopping(job) || job.robot_id !== session.robot) return
  slotReleased(state, job, turn, robotCause(session, `${job.robot_name} has stopped`))
}

/**
 * The job, if this robot holds it and the message is about its last offer; or if its offer to this robot has
 * expired and no other robot was asked since. A robot that does not echo `offer` means the latest one: it is not
 * offered a job again while it may run it by an earlier offer (I12b).
 */
function heldJob(state: State, session: Session, message: JobMessage): JobRow | undefined {
  const job = state.jobs.get(message.payload.job_id)
  if (job === undefined || job.robot_id !== session.robot) return undefined
  if (!isCurrent(job, message.payload)) return undefined
  if (hasExpiredOffer(job)) return job
  return isAssigned(job) && (message.payload.offer !== undefined || !session.excluded.has(job.id)) ? job : undefined
}

/**
 * A message about a job that has not started implies that it was accepted: the answer itself was lost, is late, or was
 * left out.
 */
function ensureStarted(state: State, session: Session, job: JobRow, turn: Turn): JobRow {
  if (job.status === 'running') return job
  return transition(state, job, 'accept', turn, robotCause(session, `${job.robot_name} has started`))
}

/**
 * Processes a result for a job that this robot does not hold. The recorded end stands. The history gets an entry only
 * if the robot ever had the job, since otherwise any robot could write into any history. A robot that repeats a known
 * result after a broken connection is not late.
 */
function lateResult(
  state: State,
  session: Session,
  message: Message<'job_complete'> | Message<'job_failed'>,
  turn: Turn,
): void {
  const { job_id, offer } = message.payload
  hasStopped(state, session, job_id, turn)
  const job = findJob(state, job_id, turn)
  const past = turn.prefetched.interactions.filter((one) => one.job_id === job_id && one.robot_id === session.robot)
  if (job === undefined || (job.robot_id !== session.robot && !past.some(({ event }) => event === 'offer'))) {
    return refuseMessage(turn, session.socket, unknownJob(job_id), message.id)
  }
  const repeated = message.type === 'job_complete' ? job.status === 'completed' : job.status === 'failed'
  const same = job.robot_id === session.robot && isCurrent(job, message.payload)
  if (repeated && same && job.error_type !== 'OUTCOME_UNKNOWN') return
  if (session.lateResults.has(job_id) || past.some(({ event }) => event === 'late_result')) return
  if (session.lateResults.size >= LATE_MAX) session.lateResults.clear()
  session.lateResults.add(job_id)
  const result = message.type === 'job_complete' ? toText(message.payload.result) : message.payload.error_message
  recordHistory(state, job, turn, {
    event: 'late_result',
    from_status: job.status,
    offer: offer ?? job.offer,
    robot_id: session.robot,
    cause: robotCause(session, `${message.type} came too late and changed nothing: ${clip(result, 2_000)}`),
  })
}

/**
 * The results from robots that do not have the job: only the history tells whether they once had it. After a
 * registration the socket belongs to the registering robot.
 */
export function lateInteractions(state: State, events: readonly Event[]): Prefetch['interactions'] {
  const registered = new Map<SocketId, RobotId>()
  return events.flatMap((event) => {
    if (event.type !== 'robot.message') return []
    const { socket, message: { type, payload } } = event
    if (type === 'register') registered.set(socket, payload.robot_id)
    if (type !== 'job_complete' && type !== 'job_failed') return []
    const robot = registered.get(socket) ?? state.sockets.get(socket)?.robot ?? null
    const holder = state.jobs.get(payload.job_id)?.robot_id
    return robot === null || robot === holder ? [] : [{ job: payload.job_id, robot }]
  })
}

/** The number of late results that are remembered per session. */
const LATE_MAX = 1_000
