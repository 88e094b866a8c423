import type { Event } from '../events/index.ts'
import type { JobId, Millis, RobotId, ScheduleId } from '../base/ids.ts'
import { isLive, isOfWorkflow, JOB_STATUSES, type JobRow } from '../records/job.ts'
import { parametersBytes } from '../records/parameters.ts'
import { endTopic } from '../trigger-types/topic.ts'
import type { State } from '../state.ts'

/**
 * The event of a job's end has the job's parameters. Long ones are not in memory, and are fetched before a turn in which
 * the job may end and a trigger waits for that.
 */

/** The bytes of parameters that are fetched for one turn. The events of other jobs that end in it have none. */
const FETCHED_BYTES_MAX = 64 << 20

const ENDS = JOB_STATUSES.filter((status) => !isLive(status))

/** The jobs whose parameters have to be fetched, because their end in this turn may fire a trigger. */
export function parametersNeeded(state: State, events: readonly Event[], now: Millis): readonly JobId[] {
  if (state.subscribers.size === 0) return []
  let bytes = 0
  const needed = new Set<JobId>()
  for (const event of events) {
    for (const id of mayEnd(state, event, now)) {
      const job = state.jobs.get(id)
      if (job === undefined || needed.has(id) || !isFollowed(state, job)) continue
      bytes += parametersBytes(job)
      if (bytes > FETCHED_BYTES_MAX) return [...needed]
      needed.add(id)
    }
  }
  return [...needed]
}

/** True if a trigger waits for an end of the job, and the parameters are not in memory. */
function isFollowed(state: State, job: JobRow): boolean {
  return typeof job.parameters === 'number' && isOfWorkflow(job) &&
    ENDS.some((status) => state.subscribers.has(endTopic(status, job.workflow_id)))
}

/** The jobs that may end by an event. */
function* mayEnd(state: State, event: Event, now: Millis): Generator<JobId> {
  if (event.type === 'cancel.requested') yield event.job
  if (event.type === 'schedule.triggered') yield* state.runs.get(event.schedule) ?? []
  if (event.type === 'tick') {
    for (const { why, id } of state.timers.allDue(Math.min(event.until ?? now, now))) {
      if (why.startsWith('job.')) yield id as JobId
      if (why === 'robot.lost') yield* state.held.get(id as RobotId) ?? []
      if (why === 'schedule.due') yield* state.runs.get(id as ScheduleId) ?? []
    }
  }
  if (event.type !== 'robot.message') return
  const { socket, message: { payload } } = event
  if ('job_id' in payload) yield payload.job_id
  // A job that is missing from its robot's list is lost.
  const robot = 'robot_id' in payload ? payload.robot_id : state.sockets.get(socket)?.robot
  if ('active_job_ids' in payload && robot != null) {
    const active = new Set(payload.active_job_ids)
    for (const id of state.held.get(robot) ?? []) if (!active.has(id)) yield id
  }
}
