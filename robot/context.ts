import { fromOrchestrator, isUndecodable } from '../core/protocol/decode.ts'
import type { OrchestratorMessage } from '../core/protocol/message.ts'
import { type Json, tokenOf, toText } from '../core/base/json.ts'
import { type ApiAccess, callWorkflow } from './calls.ts'
import type { JobContext, RunningJob } from './job.ts'
import { logLine } from './log-line.ts'
import type { Telemetry } from './telemetry.ts'
import { truncate } from './text.ts'

/** The means of a handler besides its job. `live` is false once the job has ended: an abandoned handler may still call. */
export interface Means {
  readonly telemetry: Telemetry
  readonly api: ApiAccess
  readonly live: (job: RunningJob) => boolean
}

/** The argument of a job's handler. What takes time to make is made when it is asked for: short jobs use little of it. */
export class HandlerContext implements JobContext {
  readonly id: string
  readonly workflowId: string
  readonly workflowName: string
  readonly workflowJson: string
  readonly attempt: number
  readonly timeoutSeconds: number
  readonly #job: RunningJob
  readonly #means: Means
  #parameters: Readonly<Record<string, unknown>> | undefined
  #calls = 0

  constructor(job: RunningJob, means: Means) {
    const { job_id, workflow_id, workflow_name, workflow_json, timeout_seconds, attempt } = job.assigned
    this.id = job_id
    this.workflowId = workflow_id
    this.workflowName = workflow_name
    this.workflowJson = workflow_json
    this.attempt = attempt ?? 1
    this.timeoutSeconds = Math.max(0, timeout_seconds)
    this.#job = job
    this.#means = means
  }

  get parameters(): Readonly<Record<string, unknown>> {
    return this.#parameters ??= doublesOf(this.#job.assigned.parameters as Json)
  }

  get parametersText(): string {
    return parametersTextOf(this.#job.frame)
  }

  get signal(): AbortSignal {
    return this.#job.signal
  }

  // Handlers take these out of the context, and call them without it.
  readonly progress: JobContext['progress'] = (percent, currentNode = '', message = '') => {
    const progress = Math.round(Math.min(100, Math.max(0, percent)))
    if (!this.#means.live(this.#job) || Number.isNaN(progress)) return
    this.#means.telemetry.progress(this.#topic, {
      progress,
      current_node: truncate(currentNode, 256),
      message: truncate(message, 1_000),
    })
  }

  readonly call: JobContext['call'] = (alias, given = {}, options = {}) => {
    const { jobId, offer = 1 } = this.#topic
    const caller = { jobId, offer, number: ++this.#calls, signal: this.signal }
    return callWorkflow(this.#means.api, caller, alias, given, options)
  }

  readonly log: JobContext['log'] = (level, message, { nodeId = '', extra } = {}) => {
    if (this.#means.live(this.#job)) this.#means.telemetry.log(this.#topic, logLine(level, message, nodeId, extra))
  }

  get #topic() {
    return { jobId: this.id, offer: this.#job.assigned.offer }
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
