import { cursorMoved, triggerFired, webhookReceived } from './call.ts'
import { clockSet } from './clock.ts'
import { cancelRequested, releaseRequested, retryRequested } from './command.ts'
import { controlRequested, robotSaved, statusReceived, statusRequested } from './control.ts'
import { dispatch } from './dispatcher.ts'
import { type Prefetch, send, type Turn } from './effects.ts'
import type { Event } from './event.ts'
import { workflowCalled } from './chain.ts'
import { releaseWaiting } from './admission.ts'
import { disconnectFlood, socketClosed, socketFlooded, socketOpened } from './connection.ts'
import { deliveryFinished, deliveryReplayed } from './delivery.ts'
import type { JobId, Millis, RobotId } from './ids.ts'
import { keyCreated, keyRevoked } from './key.ts'
import { isHorizonDue, moveHorizon } from './horizon.ts'
import { runTimers } from './lapse.ts'
import { poolSaved } from './pool.ts'
import { refuse } from './protocol/refusal.ts'
import type { Message, RobotMessage } from './protocol/message.ts'
import { logFlaws, logReceived } from './log.ts'
import { countMessage, takeProgress } from './meter.ts'
import { scheduleDeleted, scheduleSaved, scheduleSwitched, scheduleTriggered } from './planning.ts'
import { accepted, cancelled, completed, failed, lateInteractions, progressed, rejected } from './report.ts'
import { neededPages, sendDue, takePages } from './outbox.ts'
import { react } from './reactions.ts'
import { disconnected, heartbeat, refuseMessage, registered } from './robot.ts'
import type { Socket } from './socket.ts'
import type { Session, State } from './state.ts'
import { submitted } from './submission.ts'
import { webhookCommand, webhookRotated, webhookSaved } from './subscription.ts'
import { triggerDeleted, triggerSaved, triggerSwitched } from './trigger-setup.ts'
import { warn } from './warn.ts'
import { workflowPublished, workflowSaved } from './workflow.ts'

type On<T extends Event['type']> = Extract<Event, { type: T }>
type Handler<T extends Event['type']> = (state: State, event: On<T>, turn: Turn) => void

/** Everything that can happen, and what happens then. Start reading here. */
const HANDLERS: { readonly [T in Event['type']]: Handler<T> } = {
  'job.submitted': submitted,
  'cancel.requested': cancelRequested,
  'release.requested': releaseRequested,
  'retry.requested': retryRequested,
  'webhook.received': webhookReceived,
  'workflow.saved': workflowSaved,
  'workflow.published': workflowPublished,
  'trigger.saved': triggerSaved,
  'trigger.switched': triggerSwitched,
  'trigger.deleted': triggerDeleted,
  'trigger.fired': triggerFired,
  'workflow.called': workflowCalled,
  'trigger.read': cursorMoved,
  'schedule.saved': scheduleSaved,
  'schedule.switched': scheduleSwitched,
  'schedule.triggered': scheduleTriggered,
  'schedule.deleted': scheduleDeleted,
  'pool.saved': poolSaved,
  'robot.saved': robotSaved,
  'control.requested': controlRequested,
  'status.requested': statusRequested,
  'key.created': keyCreated,
  'key.revoked': keyRevoked,
  'socket.opened': socketOpened,
  'socket.flooded': socketFlooded,
  'socket.closed': socketClosed,
  'robot.message': messageReceived,
  'robot.malformed': malformedReceived,
  'webhook.saved': webhookSaved,
  'webhook.enabled': webhookCommand,
  'webhook.disabled': webhookCommand,
  'webhook.deleted': webhookCommand,
  'webhook.pinged': webhookCommand,
  'webhook.rotated': webhookRotated,
  'delivery.replayed': deliveryReplayed,
  'delivery.finished': deliveryFinished,
  'drain': drain,
  'clock.set': clockSet,
  'tick': runTimers,
}

type MessageHandler<T extends RobotMessage['type']> = (
  state: State,
  session: Session,
  message: Message<T>,
  turn: Turn,
) => void

/** What a registered robot may say, and who listens. */
const MESSAGE_HANDLERS: { readonly [T in Exclude<RobotMessage['type'], 'register'>]: MessageHandler<T> } = {
  heartbeat: (state, session, message, turn) => {
    for (const waiting of takeProgress(state, session.robot)) progressed(state, session, waiting, turn)
    heartbeat(state, session, message, turn)
  },
  status_response: (state, session, message, turn) => {
    heartbeat(state, session, message, turn)
    statusReceived(state, session, turn)
  },
  disconnect: disconnected,
  job_accept: accepted,
  job_reject: rejected,
  job_progress: progressed,
  job_complete: completed,
  job_failed: failed,
  job_cancelled: cancelled,
  log_entry: logReceived,
  log_batch: logReceived,
  // A robot's complaint about a message of ours. It changes nothing.
  error: () => {},
}

/** One event in, the state moved on, everything owed to the world in `turn.out`. Never throws at a peer. */
export function step(state: State, event: Event, turn: Turn): void {
  if (isHorizonDue(state, turn.now)) moveHorizon(state, turn)
  takePages(state, turn)
  const handle = HANDLERS[event.type] as Handler<Event['type']>
  handle(state, event as never, turn)
  react(state, turn)
  releaseWaiting(state, turn)
  dispatch(state, turn)
  react(state, turn)
  sendDue(state, turn)
}

/** What the events of a turn may touch outside memory. Almost always nothing, and then nothing is fetched. */
export function needs(state: State, events: readonly Event[], now: Millis): Prefetch | null {
  const prefetch: Prefetch = {
    jobs: [],
    duplicates: [],
    duplicatesSince: now - state.settings.duplicateMs,
    idempotency: [],
    due: null,
    pages: neededPages(state),
    deliveries: [],
    interactions: [],
    earlyRuns: null,
  }
  for (const event of events) needsOf(state, event, prefetch, now)
  for (const interaction of lateInteractions(state, events)) prefetch.interactions.push(interaction)
  if (isHorizonDue(state, now)) prefetch.due = { after: state.horizonAt, until: now + state.settings.horizonMs }
  const rows = prefetch.jobs.length + prefetch.duplicates.length + prefetch.idempotency.length +
    prefetch.deliveries.length
  return rows + prefetch.interactions.length + prefetch.pages.length === 0 && prefetch.due === null &&
      prefetch.earlyRuns === null
    ? null
    : prefetch
}

function needsOf(state: State, event: Event, prefetch: Prefetch, now: Millis): void {
  const job = (id: JobId): void => void (state.jobs.has(id) || prefetch.jobs.push(id))
  switch (event.type) {
    case 'robot.message':
      if (ABOUT_ENDED_JOBS.has(event.message.type) && 'job_id' in event.message.payload) {
        job(event.message.payload.job_id)
      }
      return
    case 'job.submitted':
      if (event.checkDuplicate) prefetch.duplicates.push(...duplicateKeys(event))
      if (event.idempotency !== null) prefetch.idempotency.push(event.idempotency.key)
      return
    case 'delivery.replayed':
      prefetch.deliveries.push(event.delivery)
      return
    case 'trigger.fired':
    case 'workflow.called':
      if (event.parent !== null) job(event.parent)
      if (event.idempotency !== null) prefetch.idempotency.push(event.idempotency.key)
      return
    case 'webhook.received':
      if (event.idempotency !== null) prefetch.idempotency.push(event.idempotency.key)
      return
    case 'cancel.requested':
    case 'release.requested':
    case 'retry.requested':
      job(event.job)
      return
    case 'clock.set':
      if (event.by < 0) prefetch.earlyRuns = now
  }
}

/** Which of them counts is known when it is known whether it is a job of a workflow that is kept. */
function duplicateKeys({ duplicateKey, workflow }: On<'job.submitted'>): readonly string[] {
  return [duplicateKey, typeof workflow === 'string' ? null : workflow.workflowDuplicateKey].filter((key) =>
    key != null
  )
}

/** What robots say about jobs that may have ended. */
const ABOUT_ENDED_JOBS: ReadonlySet<RobotMessage['type']> = new Set([
  'job_complete',
  'job_failed',
  'job_cancelled',
  'job_progress',
  'log_entry',
  'log_batch',
])

/** A message of a robot, from a socket that is listened to, by the robot that the socket belongs to. */
function messageReceived(state: State, event: On<'robot.message'>, turn: Turn): void {
  const socket = state.sockets.get(event.socket)
  if (socket === undefined || socket.closing) return
  turn.out.snapshots.add(socket.id)
  const { message } = event
  if (message.type === 'register') {
    registered(state, socket, message, event, turn)
    return reportFlaws(socket, message, turn)
  }
  const session = socket.robot === null ? undefined : state.sessions.get(socket.robot)
  if (session === undefined) {
    return refuseMessage(turn, socket.id, refuse('AUTHENTICATION_FAILED', 'Register first'), message.id)
  }
  session.lastFrameAt = turn.now
  const verdict = countMessage(state, session, message, message.id, event.bytes, turn)
  if (verdict === 'refused') return
  if (verdict !== 'act') return disconnectFlood(state, socket, session.robot, verdict, turn)
  const { robot_id } = message.payload as { readonly robot_id?: RobotId }
  if (robot_id !== undefined && robot_id !== session.robot) {
    const refusal = refuse('FORBIDDEN', `This connection belongs to the robot ${session.robot}`, { field: 'robot_id' })
    return refuseMessage(turn, socket.id, refusal, message.id)
  }
  logFlaws(state, session, message, turn)
  const handle = MESSAGE_HANDLERS[message.type] as MessageHandler<typeof message.type>
  handle(state, session, message as never, turn)
  reportFlaws(socket, message, turn)
}

/** Whoever writes what is beyond the limits learns of it, though it was acted upon. An `error` is never answered. */
function reportFlaws(socket: Socket, { type, id, flaws }: RobotMessage, turn: Turn): void {
  const refusal = flaws?.refusal ?? null
  if (refusal !== null && type !== 'error' && !socket.closing) refuseMessage(turn, socket.id, refusal, id)
}

/** A frame that is no message is answered, and the connection goes on. It counts as a sign of life, and as a message. */
function malformedReceived(state: State, event: On<'robot.malformed'>, turn: Turn): void {
  const socket = state.sockets.get(event.socket)
  if (socket === undefined || socket.closing) return
  turn.out.snapshots.add(socket.id)
  const session = socket.robot === null ? undefined : state.sessions.get(socket.robot)
  if (session !== undefined) {
    session.lastFrameAt = turn.now
    const verdict = countMessage(state, session, null, event.id, event.bytes, turn)
    if (verdict === 'refused') return
    if (verdict !== 'act') return disconnectFlood(state, socket, session.robot, verdict, turn)
  }
  warnOfDialect(state, socket, event, turn)
  refuseMessage(turn, socket.id, event.refusal, event.id)
}

/** A robot of another dialect: its registration is answered as one, so that its own log says why it is not let in. */
function warnOfDialect(state: State, socket: Socket, { refusal, id }: On<'robot.malformed'>, turn: Turn): void {
  const { dialect, received_type, robot_id } = refusal.details
  if (dialect === undefined) return
  warn(state, turn, `dialect ${String(dialect)}`, 'a robot speaks another dialect', {
    robot: robot_id,
    reason: refusal.message,
  })
  if (received_type !== 'register') return
  const payload = { robot_id: robot_id as RobotId, success: false, message: refusal.message, config: {} }
  send(turn, socket.id, { type: 'register_ack', payload, correlation_id: id })
}

/** The process is about to stop: nothing new is taken in or offered, what runs may end. */
function drain(state: State): void {
  state.draining = true
}
