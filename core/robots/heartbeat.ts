import type { State } from '../state.ts'
import type { Session } from '../session.ts'
import type { Message } from '../protocol/message.ts'
import { send, type Turn } from '../turn.ts'
import { reportOf, seenFields } from './seen.ts'
import { excludeLeftOver, reconcile } from './reconcile.ts'
import { resetDeadlines } from '../jobs/save.ts'
import { recordForeignWork } from './foreign-work.ts'
import { assert } from '../base/assert.ts'
import { saveRobot } from '../queue/save.ts'
import { indexRobot } from '../queue/matching.ts'
import type { RobotId } from '../base/ids.ts'
import { CLOSE, disconnect } from './connection.ts'

/** Statuses of robots that take no jobs. */
const TAKES_NO_JOBS: ReadonlySet<string> = new Set(['paused', 'maintenance', 'error', 'offline'])

/** Processes a heartbeat or a status response. */
export function heartbeat(
  state: State,
  session: Session,
  message: Message<'heartbeat'> | Message<'status_response'>,
  turn: Turn,
): void {
  const { payload } = message
  const first = session.reported === null
  // An unrequested response must not be taken for the answer to the next request.
  if (message.type === 'status_response' && session.statusResponses < session.statusRequests) session.statusResponses++
  session.reported = reportOf(session.reported ?? state.robots.get(session.robot)?.metrics ?? null, message, turn.now)
  state.timers.set('robot.lease', session.robot, turn.now + state.settings.leaseMs)
  session.paused = TAKES_NO_JOBS.has(payload.status)
  if (payload.active_job_ids !== undefined) {
    const active = new Set(payload.active_job_ids)
    reconcile(state, session, active, turn)
    if (first) excludeLeftOver(state, session, active)
  }
  if (first) resetDeadlines(state, session.robot)
  recordForeignWork(state, session, payload)
  const row = state.robots.get(session.robot)
  assert(row !== undefined, 'a session has a robot')
  const mode = row.mode === 'resuming' && payload.status !== 'paused' ? 'active' : row.mode
  const stale = turn.now - (row.last_seen ?? 0) >= state.settings.seenMs
  if (stale || mode !== row.mode) saveRobot(state, { ...row, mode, ...seenFields(session, turn.now) }, turn)
  else indexRobot(state, session.robot)
  if (message.type === 'heartbeat') {
    send(turn, session.socket, {
      type: 'heartbeat_ack',
      payload: { robot_id: session.robot },
      correlation_id: message.id,
    })
  }
}

/** The lease may have expired; if frames have arrived since the timer was set, it is extended. */
export function leaseExpired(state: State, robot: RobotId, turn: Turn): void {
  const session = state.sessions.get(robot)
  if (session === undefined) return
  const until = session.lastFrameAt + state.settings.leaseMs
  if (until > turn.now) {
    state.timers.set('robot.lease', robot, until)
    return
  }
  const socket = state.sockets.get(session.socket)
  assert(socket !== undefined, 'a session has a socket')
  disconnect(state, socket, CLOSE.silent, `No message for ${state.settings.leaseMs / 1000} s`, turn)
}
