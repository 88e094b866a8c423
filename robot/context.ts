import { fromOrchestrator, isUndecodable } from '../core/protocol/decode.ts'
import type { OrchestratorMessage } from '../core/protocol/message.ts'
import { type Json, tokenOf, toText } from '../core/base/json.ts'
import { type ApiAccess, callWorkflow } from './calls.ts'
import type { JobContext, RunningJob } from './job.ts'
import { logLine } from './log-line.ts'
import type { Telemetry } from './telemetry.ts'
import { truncate } from './text.ts'

/** The argument of a job's handler. `live` is false once the job has ended: an abandoned handler may still call. */
export function contextOf(job: RunningJob, telemetry: Telemetry, api: ApiAccess, live: () => boolean): JobContext {
  const { job_id, workflow_id, workflow_name, workflow_json, timeout_seconds, attempt, offer } = job.assigned
  const topic = { jobId: job_id, offer }
  let calls = 0
  let parameters: Readonly<Record<string, unknown>> | undefined
  return {
    id: job_id,
    workflowId: workflow_id,
    workflowName: workflow_name,
    workflowJson: workflow_json,
    // Most handlers use few of these, so each is made when it is asked for.
    get parameters() {
      return parameters ??= doublesOf(job.assigned.parameters as Json)
    },
    get parametersText() {
      return parametersTextOf(job.frame)
    },
    attempt: attempt ?? 1,
    timeoutSeconds: Math.max(0, timeout_seconds),
    get signal() {
      return job.signal
    },
    progress: (percent, currentNode = '', message = '') => {
      const progress = Math.round(Math.min(100, Math.max(0, percent)))
      if (!live() || Number.isNaN(progress)) return
      telemetry.progress(topic, {
        progress,
        current_node: truncate(currentNode, 256),
        message: truncate(message, 1_000),
      })
    },
    call: (alias, given = {}, options = {}) => {
      const caller = { jobId: job_id, offer: offer ?? 1, number: ++calls, signal: job.signal }
      return callWorkflow(api, caller, alias, given, options)
    },
    log: (level, message, { nodeId = '', extra } = {}) => {
      if (live()) telemetry.log(topic, logLine(level, message, nodeId, extra))
    },
  }
}

/** The parameters with doubles for numbers: as they are, unless a number is written as no double would be. */
function doublesOf(written: Json): Readonly<Record<string, unknown>> {
  const json = hasToken(written) ? JSON.parse(toText(written)) as Json : written
  return json as Readonly<Record<string, unknown>>
}

function hasToken(written: Json): boolean {
  if (typeof written === 'string') return tokenOf(written) !== null
  if (typeof written !== 'object' || written === null) return false
  return Object.values(written).some(hasToken)
}

/** The parameters digit for digit. The handler may have changed those that were read, so they are read again. */
function parametersTextOf(frame: string): string {
  const message = fromOrchestrator(frame)
  if (isUndecodable(message)) throw new Error(message.refusal.message)
  return toText((message as Extract<OrchestratorMessage, { type: 'job_assign' }>).payload.parameters)
}
