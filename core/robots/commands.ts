import { refuseRequest, reply, send, type Turn } from '../turn.ts'
import type { ReplyId, RobotId } from '../base/ids.ts'
import { requestStatus } from '../jobs/transition.ts'
import { notFound, refuse } from '../base/refusal.ts'
import type { State } from '../state.ts'
import type { RobotMode, RobotRow } from '../records/robot.ts'
import type { ControlRequested, RobotSaved } from '../events/robots.ts'
import type { Session } from '../session.ts'
import { saveRobot } from '../queue/save.ts'

/**
 * Commands of users to robots. The mode is stored with the robot, so it holds even if the robot is offline or does not
 * support the command: a robot that is paused or should shut down gets no offers.
 */
export const MODE_AFTER = { pause: 'paused', resume: 'resuming', shutdown: 'draining' } as const satisfies Record<
  string,
  RobotMode
>

/** Pauses, resumes or shuts down a robot. A connected one gets the command at once. */
export function controlRequested(state: State, event: ControlRequested, turn: Turn): void {
  const before = state.robots.get(event.robot)
  if (before === undefined) return refuseUnknownRobot(event.reply, event.robot, turn)
  const robot: RobotRow = { ...before, mode: MODE_AFTER[event.control] }
  saveRobot(state, robot, turn)
  const session = state.sessions.get(robot.id)
  if (session !== undefined) {
    const payload = { robot_id: robot.id }
    if (event.control === 'shutdown') {
      send(turn, session.socket, { type: 'shutdown', payload: { ...payload, graceful: event.graceful } })
    } else send(turn, session.socket, { type: event.control, payload })
  }
  reply(turn, event.reply, { type: 'robot', robot })
}

/** Repeats the present mode to a robot that reconnects, since it may have missed the command. */
export function resendMode(session: Session, robot: RobotRow, turn: Turn): void {
  const payload = { robot_id: robot.id }
  if (robot.mode === 'paused') send(turn, session.socket, { type: 'pause', payload })
  if (robot.mode === 'resuming') send(turn, session.socket, { type: 'resume', payload })
  if (robot.mode === 'draining') {
    send(turn, session.socket, { type: 'shutdown', payload: { ...payload, graceful: true } })
  }
}

/** Requests the status of a robot from the robot itself. Answered when it answers, or with TIMEOUT. */
export function statusRequested(
  state: State,
  event: { readonly reply: ReplyId; readonly robot: RobotId },
  turn: Turn,
): void {
  const session = state.sessions.get(event.robot)
  if (!state.robots.has(event.robot)) return refuseUnknownRobot(event.reply, event.robot, turn)
  if (session === undefined) {
    const refusal = refuse('CONNECTION_ERROR', `Robot ${event.robot} is not connected`)
    return refuseRequest(turn, event.reply, refusal)
  }
  session.awaitingStatus.push(event.reply)
  state.timers.set('robot.status', session.robot, turn.now + state.settings.statusMs)
  requestStatus(session, turn)
}

/** Answers everyone who has requested the status of the robot. */
export function statusReceived(state: State, session: Session, turn: Turn): void {
  const robot = state.robots.get(session.robot)
  const report = session.reported
  state.timers.cancel('robot.status', session.robot)
  for (const to of session.awaitingStatus.splice(0)) {
    if (robot !== undefined && report !== null) reply(turn, to, { type: 'status', robot, report })
  }
}

/** The robot has not answered in time. */
export function statusExpired(state: State, robot: RobotId, turn: Turn): void {
  const session = state.sessions.get(robot)
  if (session === undefined) return
  const refusal = refuse('TIMEOUT', `Robot ${robot} did not answer within ${state.settings.statusMs / 1000} s`)
  for (const to of session.awaitingStatus.splice(0)) refuseRequest(turn, to, refusal)
}

/** The connection of the request is gone. */
export function statusLost(session: Session, turn: Turn): void {
  const refusal = refuse('CONNECTION_ERROR', `Robot ${session.robot} has disconnected`)
  for (const to of session.awaitingStatus.splice(0)) refuseRequest(turn, to, refusal)
}

/** Registers a robot before it has connected, or changes its record. The fields that it registers with later win. */
export function robotSaved(state: State, event: RobotSaved, turn: Turn): void {
  const before = state.robots.get(event.robot)
  if (before === undefined && event.mode === 'update') return refuseUnknownRobot(event.reply, event.robot, turn)
  if (before !== undefined && event.mode === 'create') {
    const refusal = refuse('CONFLICT', `Robot ${event.robot} exists already`, { fields: ['id'] })
    return refuseRequest(turn, event.reply, refusal)
  }
  if (before === undefined && state.robots.size >= state.settings.robotsMax) {
    const refusal = refuse('CONFLICT', `This fleet already has ${state.settings.robotsMax} robots`)
    return refuseRequest(turn, event.reply, refusal)
  }
  const robot: RobotRow = {
    id: event.robot,
    name: event.name,
    environment: event.environment,
    max_concurrent_jobs: event.max_concurrent_jobs,
    tags: event.tags,
    capabilities: event.capabilities,
    mode: before?.mode ?? 'active',
    created_at: before?.created_at ?? turn.now,
    last_seen: before?.last_seen ?? null,
    last_heartbeat: before?.last_heartbeat ?? null,
    metrics: before?.metrics ?? null,
    last_disconnect: before?.last_disconnect ?? null,
  }
  saveRobot(state, robot, turn)
  reply(turn, event.reply, { type: 'robot', robot })
}

function refuseUnknownRobot(to: ReplyId, robot: RobotId, turn: Turn): void {
  refuseRequest(turn, to, notFound('Robot', robot))
}
