import { assert } from '../base/assert.ts'
import { findParameters, send, sendLacking, type Turn } from '../turn.ts'
import type { JobId, RobotId } from '../base/ids.ts'
import type { JobRow } from '../records/job.ts'
import { attemptOf } from '../records/offer.ts'
import { parametersBytes } from '../records/parameters.ts'
import type { Outgoing } from '../protocol/message.ts'
import { saveJob } from '../jobs/save.ts'
import { fromText, type JsonObject } from '../base/json.ts'
import type { State } from '../state.ts'
import type { Session } from '../session.ts'
import { recordHistory } from '../jobs/history.ts'
import { expectReplies } from '../limiter/message-rate.ts'

/**
 * Offers a job to a robot. The number of the offer, which fences all messages about it, is on disk before it is sent, so
 * no offer is ever made twice.
 */
export function offer(state: State, id: JobId, robot: RobotId, turn: Turn): void {
  const job = state.jobs.get(id)
  const row = state.robots.get(robot)
  const session = state.sessions.get(robot)
  assert(job !== undefined && row !== undefined && session !== undefined, 'an offer joins what exists')
  const offered: JobRow = {
    ...job,
    offer: job.offer + 1,
    robot_id: robot,
    robot_name: row.name,
    offer_until: turn.now + state.settings.offerMs,
    offered_at: turn.now,
    offer_memory: session.memory,
  }
  session.lastOffer = ++state.offersMade
  session.offers.set(id, null)
  expectReplies(state, robot, turn.now)
  saveJob(state, offered, turn)
  recordHistory(state, offered, turn, {
    event: 'offer',
    from_status: 'queued',
    cause: { by: 'orchestrator', detail: `offered to ${row.name}` },
  })
  assign(state, session, offered, turn)
}

function assign(state: State, session: Session, job: JobRow, turn: Turn): void {
  const definition = state.definitions.get(job.definition)
  assert(definition !== undefined, 'a job is offered with its definition')
  const parameters = findParameters(job, turn)
  const message: Outgoing = {
    type: 'job_assign',
    payload: {
      job_id: job.id,
      workflow_id: job.workflow_id,
      workflow_name: job.workflow_name,
      workflow_json: definition.json,
      priority: job.priority,
      timeout_seconds: job.timeout_ms / 1000,
      parameters: parameters === null ? {} : fromText(parameters) as JsonObject,
      attempt: attemptOf(job),
      offer: job.offer,
    },
  }
  if (parameters !== null) send(turn, session.socket, message)
  else sendLacking(turn, session.socket, message, { job: job.id, bytes: parametersBytes(job) })
}
