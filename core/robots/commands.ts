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
 * What people tell robots to do. It is remembered with the robot, so that it holds although the robot is away just now,
 * or has never heard of it: nothing is offered to a robot that is paused or is to shut down.
 */
export const MODE_AFTER = { pause: 'paused', resume: 'resuming', shutdown: 'draining' } as const satisfies Record<
  string,
  RobotMode
>

/** Pause, resume or shut down. A robot that is there is told at once. */
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

/** A robot that returns is told again what it may have missed. */
export function resendMode(session: Session, robot: RobotRow, turn: Turn): void {
  const payload = { robot_id: robot.id }
  if (robot.mode === 'paused') send(turn, session.socket, { type: 'pause', payload })
  if (robot.mode === 'resuming') send(turn, session.socket, { type: 'resume', payload })
  if (robot.mode === 'draining') {
    send(turn, session.socket, { type: 'shutdown', payload: { ...payload, graceful: true } })
  }
}

/** Somebody wants to know how a robot is, from the robot itself. Answered when it answers, or TIMEOUT. */
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

/** The robot has answered: so has everybody who asked. */
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

/** The connection that was asked over is gone. */
export function statusLost(session: Session, turn: Turn): void {
  const refusal = refuse('CONNECTION_ERROR', `Robot ${session.robot} has disconnected`)
  for (const to of session.awaitingStatus.splice(0)) refuseRequest(turn, to, refusal)
}

/** A robot is put on record before it has ever connected, or changed there. What it says when it registers wins. */
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
