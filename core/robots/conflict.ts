import { send, type Turn } from '../turn.ts'
import type { Millis, RobotId } from '../base/ids.ts'
import { instantText } from '../base/instant.ts'
import { errorMessage } from '../protocol/encode.ts'
import { refuse } from '../base/refusal.ts'
import type { State } from '../state.ts'
import { forgetWarning, warn } from './warn.ts'
import type { Session, Takeovers } from '../session.ts'

/** The number of takeovers in a row that is not an accident: one machine, the other, and the first again. */
const TAKEOVERS_MIN = 3

/** A takeover later than this begins a new row. Robots back off for up to a minute. */
const ROW_MS: Millis = 300_000

/** Records that another connection takes over a robot's. Returns the reason with which the old one is closed. */
export function noteTakeover(state: State, former: Session, turn: Turn): string {
  const reason = 'Replaced by a newer connection'
  const { robot } = former
  if (turn.now - former.lastFrameAt >= state.settings.heartbeatMs) return reason
  const before = state.takeovers.get(robot)
  const row = { since: before?.since ?? turn.now, last: turn.now, count: (before?.count ?? 0) + 1 }
  setTakeovers(state, robot, row)
  if (row.count < TAKEOVERS_MIN) return reason
  if (row.count === TAKEOVERS_MIN) forgetWarning(state, `conflict ${robot}`)
  const details = { robot, takeovers: row.count, since: instantText(row.since) }
  warn(state, turn, `conflict ${robot}`, 'two machines connect as the same robot and replace each other', details)
  const message = `Another machine connects as the robot ${robot}, and each replaces the other: ` +
    'give one of them an id and a key of its own'
  send(turn, former.socket, errorMessage(refuse('CONFLICT', message, details), undefined))
  return `${reason}, ${row.count} times by turns: another machine uses this robot id`
}

/** The present conflict of two machines that replace each other under this id; null if there is none. */
export function conflictOf(state: State, robot: RobotId): Takeovers | null {
  const row = state.takeovers.get(robot)
  return row !== undefined && row.count >= TAKEOVERS_MIN ? row : null
}

/** Sets, in memory, the takeovers of a robot, until they are too old to matter. */
export function setTakeovers(state: State, robot: RobotId, row: Takeovers): void {
  state.takeovers.set(robot, row)
  state.timers.set('robot.conflict', robot, row.last + ROW_MS)
}
