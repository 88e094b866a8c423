import type { InputOf, Submission } from '../core/api/request.ts'
import type {
  ExplanationView,
  HistoryEntry,
  JobDetail,
  JobSummary,
  LogLine,
  Page,
  SubmittedJob,
} from '../core/api/view.ts'
import { type CallOptions, pause, type Transport } from './transport.ts'

/** A job to submit. Only `workflow_id` is needed, or `workflow_json` and a `workflow_name`. */
export type NewJob = InputOf<typeof Submission>

export type JobStatus = JobSummary['status']

/** Which jobs. What is left out does not matter. */
export interface JobQuery {
  readonly status?: JobStatus | readonly JobStatus[] | undefined
  readonly workflow_id?: string | undefined
  readonly robot_id?: string | undefined
  readonly trigger_id?: string | undefined
  readonly schedule_id?: string | undefined
  readonly parent_job_id?: string | undefined
  /** Only those that have failed for good, and that nobody has dealt with. */
  readonly dead_lettered?: boolean | undefined
  /** How many are fetched at a time, 1 to 200: 50. */
  readonly limit?: number | undefined
}

export interface SubmitOptions extends CallOptions {
  /** What makes this submission the same as another. Without one, each call is a submission of its own. */
  readonly idempotencyKey?: string | undefined
}

/** The first and the longest time between two looks at a job that is waited for. */
const POLL_MS = 100
const POLL_MS_MAX = 2_000

/** Jobs: submitted, followed, called off, run again. */
export class Jobs {
  readonly #transport: Transport
  readonly #root: string

  constructor(transport: Transport, api: string) {
    this.#transport = transport
    this.#root = `${api}/jobs`
  }

  /**
   * Resolves with the job once it is durable. Every submission has an idempotency key, so that it can be sent again
   * when the answer was lost, and is still one job.
   */
  submit(job: NewJob, { idempotencyKey = newKey(), signal }: SubmitOptions = {}): Promise<SubmittedJob> {
    const headers = { 'Idempotency-Key': idempotencyKey }
    return this.#transport.send('POST', this.#root, { body: job, headers, repeatable: true, signal })
  }

  /** The job with its parameters, result, definition and the end of its log. */
  get(id: string, options: CallOptions = {}): Promise<JobDetail> {
    return this.#transport.send('GET', this.#at(id), options)
  }

  /** Jobs, the newest first. Pages are fetched as they are needed; leave the loop, and no more are. */
  list(query: JobQuery = {}, options: CallOptions = {}): AsyncGenerator<JobSummary, void, undefined> {
    return this.#transport.list(this.#root, { ...query }, options)
  }

  /** Final at once; the robot is told. `CONFLICT` when the job has ended already. */
  cancel(id: string, reason?: string, options: CallOptions = {}): Promise<JobSummary> {
    return this.#transport.send('POST', `${this.#at(id)}/cancel`, { ...options, body: { reason } })
  }

  /**
   * Says that the robot which has been offered this job, and has not answered, has not started it: it is offered anew.
   * `CONFLICT` when the robot has accepted it or may still answer, and when the job has ended.
   */
  release(id: string, reason?: string, options: CallOptions = {}): Promise<JobSummary> {
    return this.#transport.send('POST', `${this.#at(id)}/release`, { ...options, body: { reason } })
  }

  /** A new job that does the same as one that has ended. */
  retry(id: string, options: CallOptions = {}): Promise<SubmittedJob> {
    return this.#transport.send('POST', `${this.#at(id)}/retry`, options)
  }

  /** The same for a dead letter, which is dealt with by that. */
  requeue(id: string, options: CallOptions = {}): Promise<SubmittedJob> {
    return this.#transport.send('POST', `${this.#at(id)}/requeue`, options)
  }

  /** Why it is not running, and what would let it. */
  explain(id: string, options: CallOptions = {}): Promise<ExplanationView> {
    return this.#transport.send('GET', `${this.#at(id)}/explain`, options)
  }

  /** What happened to it, in order. */
  async history(id: string, options: CallOptions = {}): Promise<readonly HistoryEntry[]> {
    return (await this.#transport.send<Page<HistoryEntry>>('GET', `${this.#at(id)}/history`, options)).items
  }

  /** Every line of its log up to now, in order. */
  logs(id: string, options: CallOptions = {}): AsyncGenerator<LogLine, void, undefined> {
    return this.#transport.list(`${this.#at(id)}/logs`, {}, options)
  }

  /**
   * Resolves with the job once it has ended, however it ended. Asks ever less often, at least every 2 s, and once anything
   * has been answered to this client goes on through a restart of the orchestrator.
   */
  async wait(id: string, options: CallOptions = {}): Promise<JobDetail> {
    for (let ms = POLL_MS;; ms = Math.min(POLL_MS_MAX, ms * 1.5)) {
      const patient = this.#transport.hasAnswered
      const job = await this.#transport.send<JobDetail>('GET', this.#at(id), { ...options, patient })
      if (job.completed_at !== null) return job
      await pause(ms, options.signal)
    }
  }

  #at(id: string): string {
    return `${this.#root}/${encodeURIComponent(id)}`
  }
}

/** What tells a request from every other. Not `randomUUID`, which browsers have on secure pages only. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
