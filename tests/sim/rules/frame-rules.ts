import { SET_MS } from '../../../adapters/fleet/clock.ts'
import type { Reply } from '../../../core/reply.ts'
import type { Send } from '../../../core/turn.ts'
import type { JobId, RobotId } from '../../../core/base/ids.ts'
import { withoutLongParameters } from '../../../core/records/parameters.ts'
import type { ResultMessage } from '../../../robot/outbox.ts'
import type { Truth } from '../truth/truth.ts'
import { rateIsFair } from './rates.ts'
import type { JobRequest } from '../truth/job-request.ts'
import { demand, same } from '../violation.ts'
import { HOSTILE } from '../world/givens.ts'

/** Rules about every message, at the moment it is sent: I2, I11 and I33. */

/** Every rule about what the server says, at the moment at which it does. */
export function checkSend(truth: Truth, send: Send): void {
  sentIsDurable(truth, send)
  rateIsFair(truth, send)
  answersGoBack(truth, send)
  silentIsClosed(truth, send)
  olderIsClosed(truth, send)
  cancelsAreResent(truth, send)
  messagesAreBounded(truth, send)
  offersAreWhole(truth, send)
}

/** I1: a robot gets the parameters that were submitted. */
function offersAreWhole({ disk }: Truth, send: Send): void {
  if (send.to !== 'socket' || 'close' in send || send.message.type !== 'job_assign') return
  const { job_id, parameters } = send.message.payload
  const stored = disk.tables.jobs.get(job_id)?.parameters
  const sent = JSON.stringify(parameters)
  demand(sent === stored, 'I1', () => `job ${job_id} is offered with the parameters ${sent}, not ${stored}`)
}

/** L7: a robot that is disconnected for its silence was silent, even if its messages were not read yet. */
function silentIsClosed({ arrived, current, owners, settings, time }: Truth, send: Send): void {
  if (send.to !== 'socket' || !('close' in send) || send.close.code !== 4408) return
  const robot = owners.get(send.socket)
  // The hostile robot may have been disconnected long before.
  if (robot === undefined || robot === HOSTILE || current.get(robot) !== send.socket) return
  const silent = time.now() - (arrived.get(send.socket) ?? 0)
  // The clock is followed little by little where it is off by less.
  demand(
    silent >= settings.leaseMs - SET_MS,
    'L7',
    () => `${robot} had spoken ${silent} ms before it was closed for its silence`,
  )
}

/** I18: when a robot gets its registration, its older connection has been closed. */
function olderIsClosed({ owners, current, closedByServer }: Truth, send: Send): void {
  if (send.to !== 'socket') return
  const robot = owners.get(send.socket)
  if (robot === undefined) return
  if ('close' in send) {
    closedByServer.add(send.socket)
    if (current.get(robot) === send.socket) current.delete(robot)
  } else if (send.message.type === 'register_ack' && send.message.payload.success) {
    const older = current.get(robot)
    const closed = older === undefined || older === send.socket
    demand(closed, 'I18', () => `${robot} is registered on ${send.socket}, and ${older} has not been closed`)
    current.set(robot, send.socket)
  }
}

/** I31: a robot that registers gets every job that it should stop at once. */
function cancelsAreResent(truth: Truth, send: Send): void {
  if (send.to !== 'socket' || 'close' in send) return
  const { message, socket } = send
  const robot = truth.owners.get(socket)
  if (message.type === 'job_cancel') truth.cancelsDue.delete(`${socket} ${message.payload.job_id}`)
  if (message.type !== 'register_ack' || !message.payload.success) return
  for (const job of truth.unfinished.values()) {
    if (job.robot_id === robot && job.stop_until !== null) truth.cancelsDue.add(`${socket} ${job.id}`)
  }
}

const ROOM = { status: 'queued', queued_at: null, created_at: 0, ready_at: null } as const

/**
 * I4: the same request again gets the same answer and makes no job; another with its key is refused. What made a
 * duplicate is there to be seen.
 */
export function answerIsConsistent(
  truth: Truth,
  { job, submission }: JobRequest,
  answer: Reply,
): void {
  const refused = answer.type === 'refusal' ? answer.refusal : null
  if (submission === null || refused?.refused === 'UNAVAILABLE') return
  const own = answer.type !== 'job' || answer.replayed === true || answer.job.id === job
  demand(own, 'I4', () => `the answer to job ${job} is about another one`)
  if (refused?.refused === 'DUPLICATE_JOB') {
    const { job_id } = (refused.details ?? {}) as { readonly job_id?: JobId }
    const first = job_id === undefined ? undefined : truth.jobs.get(job_id)
    const real = submission.check_duplicate && first?.duplicate_key === submission.duplicate_key
    demand(real, 'I4', () => `job ${job} was taken for a duplicate of ${job_id}`)
  }
  if (submission.idempotency === null) return
  const { key, fingerprint } = submission.idempotency
  const first = truth.firstAnswers.get(key)
  if (first === undefined) {
    if (answer.type === 'job') truth.firstAnswers.set(key, { fingerprint, job: answer.job })
    return
  }
  const age = truth.time.now() - (truth.time.made.get(first.job.id) ?? 0)
  if (age > truth.settings.idempotencyMs - 60_000) return
  if (first.fingerprint !== fingerprint) {
    demand(refused?.refused === 'IDEMPOTENCY_MISMATCH', 'I4', () => `${key} was taken for two different requests`)
    return
  }
  demand(answer.type === 'job', 'I4', () => `${key} made ${first.job.id}, and again it is refused`)
  // A job that had to wait for room under a limit is shown as if it had not: that is not kept with the job. And its times
  // go along when the clock is set.
  const equal = same(
    withoutLongParameters({ ...answer.job, ...ROOM }),
    withoutLongParameters({ ...first.job, ...ROOM }),
  )
  demand(equal, 'I4', () => `${key} is answered with ${JSON.stringify(answer.job)}, not ${JSON.stringify(first.job)}`)
}

/** The number of messages about a job that no request accounts for: an offer, and its end. */
const UNASKED_MAX = 6

/** I38: the messages about a job are one for each offer, and answers: to robots, to registrations, to users. */
function messagesAreBounded(truth: Truth, send: Send): void {
  if (send.to !== 'socket' || 'close' in send || !('job_id' in send.message.payload)) return
  const job_id = send.message.payload.job_id as JobId
  const count = truth.messageCountOf(job_id)
  count.sent++
  const most = UNASKED_MAX + count.reasons + 2 * (truth.jobs.get(job_id)?.offer ?? 0)
  demand(count.sent <= most, 'I38', () => `${count.sent} messages about job ${job_id}, and there is reason for ${most}`)
}

/** I33: the answer to a message goes to the connection on which it came, and a heartbeat is answered once. */
function answersGoBack(truth: Truth, send: Send): void {
  if (send.to !== 'socket' || 'close' in send || send.message.correlation_id === undefined) return
  const id = send.message.correlation_id
  const asked = truth.origins.get(id)?.socket
  demand(asked === send.socket, 'I33', () => `${id} came on ${asked} and is answered on ${send.socket}`)
  if (send.message.type === 'heartbeat_ack') truth.origins.delete(id)
}

/** I2: every fact in a sent message is on disk at that moment. */
function sentIsDurable(truth: Truth, send: Send): void {
  if (send.to === 'reply') return answerIsDurable(truth, send.answer)
  if ('close' in send) return
  const { message } = send
  const robot = truth.owners.get(send.socket)
  if (message.type === 'job_assign') {
    const { job_id, offer } = message.payload
    // It may have been cancelled, or proved unread, in the very turn of the offer, or in one that is durable as well.
    const made = truth.histories.get(job_id as JobId)?.some((entry) =>
      entry.event === 'offer' && entry.offer === offer && entry.robot_id === robot
    )
    demand(
      made === true,
      'I2',
      () => `${robot} is sent offer ${offer} of job ${job_id}, of which the disk knows nothing`,
    )
  }
  if (message.type === 'register_ack' && message.payload.success) {
    const known = truth.disk.tables.robots.has(message.payload.robot_id)
    demand(known, 'I2', () => `${robot} is told that it is registered, of which the disk knows nothing`)
  }
}

function answerIsDurable(truth: Truth, answer: Reply): void {
  if (answer.type === 'batch') { for (const one of answer.answers) answerIsDurable(truth, one) }
  if (answer.type === 'job' || answer.type === 'fired') {
    const { job } = answer
    const known = job === null || truth.disk.tables.jobs.has(job.id)
    demand(known, 'I2', () => `job ${job?.id} is acknowledged, and the disk knows nothing of it`)
  }
  if (answer.type === 'workflow') {
    const { id, version } = answer.workflow
    const kept = truth.disk.tables.workflows.get(id)?.version ?? 0
    demand(kept >= version, 'I2', () => `version ${version} of ${id} is acknowledged, and the disk has ${kept}`)
  }
}

/** I11: a robot is given an offer, which nobody else may ever be given. */
export function offerIsMadeOnce(truth: Truth, robot: RobotId, job: JobId, offer: number): void {
  const key = `${job} ${offer}`
  const other = truth.assignedTo.get(key)
  demand(other === undefined, 'I11', () => `offer ${offer} of job ${job} was given to ${other} and to ${robot}`)
  truth.assignedTo.set(key, robot)
}

/**
 * I2 and I12: the answer to a heartbeat says that the results which the robot sent before it are safe. So by now the
 * job has ended with that result, or the history says that a result came too late.
 */
export function resultIsSafe(truth: Truth, robot: RobotId, { type, payload }: ResultMessage): void {
  const job = truth.jobs.get(payload.job_id as JobId)
  if (job === undefined || type === 'job_cancelled') return
  const execution = truth.execution(robot, job.id, payload.offer ?? 0)
  const recorded = type === 'job_complete' ? job.result === execution.completed : job.error_message === execution.failed
  const late = truth.histories.get(job.id)?.some(({ event, robot_id, detail }) =>
    robot_id === robot && (event === 'late_result' || detail.startsWith('failed on'))
  )
  demand(
    recorded || late === true,
    'I2',
    () => `${robot} was told that its result for job ${job.id} is safe, and there is no trace of it`,
  )
}

/**
 * I17: what robots really begin, they begin once, unless the job says that it may run twice, or the attempt before has
 * failed and was to be tried again.
 */
export function startedOnce(truth: Truth, robot: RobotId, id: JobId, offer: number): void {
  const job = truth.jobs.get(id)
  const starts = (truth.starts.get(id) ?? 0) + 1
  truth.starts.set(id, starts)
  if (job === undefined || MAY_RUN_TWICE.has(job.retry_safety)) return
  const tries =
    truth.histories.get(id)?.filter(({ event, detail }) => event === 'back_off' && detail.startsWith('failed on'))
      .length ?? 0
  const sentence = (): string => `${robot} begins job ${id}, offer ${offer}, and robots have begun it ${starts} times`
  demand(starts <= 1 + tries, 'I17', sentence)
}

const MAY_RUN_TWICE: ReadonlySet<string> = new Set(['unless_accepted', 'always'])
