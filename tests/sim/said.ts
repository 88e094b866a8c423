import type { Answer, Send } from '../../core/effects.ts'
import type { JobId, RobotId } from '../../core/ids.ts'
import type { Terminal } from '../../robot/outbox.ts'
import type { Ledger } from './ledger.ts'
import { isConfused } from './offers.ts'
import { demand } from './rule.ts'

/** What must hold of everything that is said, at the moment at which it is said: the rules I2, I11 and I33. */

/** Every rule about what the server says, at the moment at which it does. */
export function checkSend(ledger: Ledger, send: Send): void {
  saidIsDurable(ledger, send)
  answersGoBack(ledger, send)
}

/** I33: the answer to a message goes to the connection on which it came. */
function answersGoBack(ledger: Ledger, send: Send): void {
  if (send.to !== 'socket' || 'close' in send || send.message.correlation_id === undefined) return
  const id = send.message.correlation_id
  const asked = ledger.unanswered.get(id)
  demand(asked === send.socket, 'I33', () => `${id} came on ${asked} and is answered on ${send.socket}`)
  ledger.unanswered.delete(id)
}

/** I2: whatever leaves the server is on the disk at that moment. */
function saidIsDurable(ledger: Ledger, send: Send): void {
  if (send.to === 'reply') return answerIsDurable(ledger, send.answer)
  if ('close' in send) return
  const { message } = send
  const robot = ledger.owners.get(send.socket)
  if (message.type === 'job_assign') {
    const { job_id, attempt } = message.payload
    if (robot !== undefined && isConfused(ledger, robot, job_id as JobId)) return
    const job = ledger.disk.tables.jobs.get(job_id)
    const held = job?.status === 'running' || (job?.status === 'queued' && job.offer_until !== null)
    demand(
      held && job?.attempt === attempt && job?.robot_id === robot,
      'I2',
      () => `${robot} is sent attempt ${attempt} of job ${job_id}, of which the disk knows nothing`,
    )
  }
  if (message.type === 'register_ack' && message.payload.success) {
    const known = ledger.disk.tables.robots.has(message.payload.robot_id)
    demand(known, 'I2', () => `${robot} is told that it is registered, of which the disk knows nothing`)
  }
}

function answerIsDurable(ledger: Ledger, answer: Answer): void {
  if (answer.type === 'job' || answer.type === 'fired') {
    const known = ledger.disk.tables.jobs.has(answer.job.id)
    demand(known, 'I2', () => `job ${answer.job.id} is acknowledged, and the disk knows nothing of it`)
  }
  if (answer.type === 'workflow') {
    const { id, version } = answer.workflow
    const kept = ledger.disk.tables.workflows.get(id)?.version ?? 0
    demand(kept >= version, 'I2', () => `version ${version} of ${id} is acknowledged, and the disk has ${kept}`)
  }
}

/** I11: a robot is given an attempt, which nobody else may ever be given. */
export function attemptIsGivenOnce(ledger: Ledger, robot: RobotId, job: JobId, attempt: number): void {
  const key = `${job} ${attempt}`
  const other = ledger.given.get(key)
  demand(other === undefined, 'I11', () => `attempt ${attempt} of job ${job} was given to ${other} and to ${robot}`)
  ledger.given.set(key, robot)
}

/**
 * I2 and I12: the answer to a heartbeat says that the results which the robot sent before it are safe. So by now the
 * job has ended with that result, or the history says that a result came too late.
 */
export function resultIsSafe(ledger: Ledger, robot: RobotId, { type, payload }: Terminal): void {
  const job = ledger.jobs.get(payload.job_id as JobId)
  if (job === undefined || type === 'job_cancelled') return
  const truth = ledger.truth(robot, job.id, payload.attempt ?? 0)
  const recorded = type === 'job_complete' ? job.result === truth.completed : job.error_message === truth.failed
  const late = ledger.histories.get(job.id)?.some(({ event, robot_id }) =>
    event === 'late_result' && robot_id === robot
  )
  demand(
    recorded || late === true,
    'I2',
    () => `${robot} was told that its result for job ${job.id} is safe, and there is no trace of it`,
  )
}
