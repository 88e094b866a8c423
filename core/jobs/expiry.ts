import type { State } from '../state.ts'
import type { JobId } from '../base/ids.ts'
import type { Turn } from '../turn.ts'
import { blockedBy } from '../queue/concurrency.ts'
import { saveJob } from './save.ts'
import { slotReleased, stopJob, transition } from './transition.ts'
import { isBlocked, isStopping, isWaiting } from '../records/job.ts'

/** The actor recorded for changes made by a timer. */
const ORCHESTRATOR = 'orchestrator'

/** The job's time has come, or its back-off is over: it becomes eligible, unless a limit holds it back. */
export function becomeReady(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job?.status !== 'pending' || job.ready_at === null) return
  const detail = job.offer === 0 ? 'its time has come' : 'its back-off is over'
  if (blockedBy(state, job).length > 0) saveJob(state, { ...job, ready_at: null }, turn)
  else transition(state, job, 'ready', turn, { by: ORCHESTRATOR, detail })
}

/** The job has waited longer than its limit. */
export function queueTimeoutExpired(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined || !(isWaiting(job) || isBlocked(job))) return
  transition(state, job, 'expire', turn, { by: ORCHESTRATOR, detail: 'it waited longer than it may' }, {
    error_type: 'QueueTimeout',
    error_message: `This job was not started within ${state.settings.queueTtlMs / 1000} s`,
  })
}

/** The job has run longer than its timeout. */
export function jobTimeoutExpired(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job?.status !== 'running') return
  stopJob(state, job, 'expire', turn, { by: ORCHESTRATOR, detail: 'it ran longer than it may' }, {
    error_type: 'TimeoutError',
    error_message: `Job execution timed out after ${job.timeout_ms / 1000} s`,
  })
}

/** The robot has not confirmed in time that it stopped: its slot is freed. */
export function stopExpired(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined || !isStopping(job)) return
  slotReleased(state, job, turn, {
    by: ORCHESTRATOR,
    detail: `${job.robot_name} did not say in time that it has stopped`,
  })
}
