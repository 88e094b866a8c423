import { cursorMoved, triggerFired, webhookReceived } from './triggers/receive.ts'
import { clockSet } from './clock.ts'
import { cancelRequested, releaseRequested, retryRequested } from './jobs/commands.ts'
import { controlRequested, robotSaved, statusReceived, statusRequested } from './robots/commands.ts'
import { dispatch, releaseWaiting } from './dispatcher/dispatcher.ts'
import { refuseMessage, send, type Turn } from './turn.ts'
import type { Event, On } from './events/index.ts'
import { workflowCalled } from './triggers/calls.ts'
import { disconnected, disconnectFlood, socketClosed, socketFlooded, socketOpened } from './robots/connection.ts'
import { deliveryFinished, deliveryReplayed } from './webhooks/results.ts'
import type { RobotId } from './base/ids.ts'
import { keyCreated, keyRevoked } from './access/keys.ts'
import { runTimers } from './on-timer.ts'
import { poolSaved } from './queue/pools.ts'
import { refuse } from './base/refusal.ts'
import type { Message, RobotMessage } from './protocol/message.ts'
import { logFlaws, logReceived } from './robots/logs.ts'
import { countMessage, takeProgress } from './limiter/message-rate.ts'
import { scheduleDeleted, scheduleSaved, scheduleSwitched, scheduleTriggered } from './scheduler/commands.ts'
import { accepted, cancelled, completed, failed, progressed, rejected } from './robots/reports.ts'
import { sendDue, takePages } from './webhooks/queue.ts'
import { react } from './reactions.ts'
import { registered } from './robots/registration.ts'
import type { State } from './state.ts'
import { batchSubmitted, submitted } from './jobs/submit.ts'
import { webhookCommand, webhookRotated, webhookSaved } from './webhooks/commands.ts'
import { triggerDeleted, triggerSaved, triggerSwitched } from './triggers/commands.ts'
import { saveSkips } from './triggers/save.ts'
import { warn } from './robots/warn.ts'
import { workflowPublished, workflowSaved } from './workflows/commands.ts'
import type { Session, Socket } from './session.ts'
import { isHorizonDue, moveHorizon } from './jobs/save.ts'
import { heartbeat } from './robots/heartbeat.ts'

type Handler<T extends Event['type']> = (state: State, event: On<T>, turn: Turn) => void

/** Every event with its handler. Start reading here. */
const HANDLERS: { readonly [T in Event['type']]: Handler<T> } = {
  'job.submitted': submitted,
  'batch.submitted': batchSubmitted,
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

/** The messages of a registered robot with their handlers. */
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
  // The robot reports a problem with our message. It changes nothing.
  error: () => {},
}

/** Processes one event: changes the state, and adds effects to `turn.out`. Input from outside never makes it throw. */
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

/** Handles a message of a robot on the socket that belongs to it. */
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

/** Reports a problem with the frame of a message that was processed nevertheless. An `error` is never answered. */
function reportFlaws(socket: Socket, { type, id, flaws }: RobotMessage, turn: Turn): void {
  const refusal = flaws?.refusal ?? null
  if (refusal !== null && type !== 'error' && !socket.closing) refuseMessage(turn, socket.id, refusal, id)
}

/** Answers an invalid frame; the connection continues. It counts as a sign of life, and as a message. */
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

/** Answers a robot that speaks another dialect with a refused registration, so that its own log shows the reason. */
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

/** The process is stopping: nothing new is accepted or offered, and running jobs may end. */
function drain(state: State, _event: On<'drain'>, turn: Turn): void {
  state.draining = true
  for (const id of state.unsavedSkips.keys()) saveSkips(state, id, turn)
}
