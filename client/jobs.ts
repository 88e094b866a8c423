import type { Submission } from '../core/api/request.ts'
import type { InputOf } from '../core/api/route.ts'
import type {
  ExplanationView,
  HistoryEntry,
  JobDetail,
  JobSummary,
  LogLine,
  Page,
  SubmittedJob,
} from '../core/api/view.ts'
import { newIdempotencyKey } from './idempotency.ts'
import { type CallOptions, pause, type Transport } from './transport.ts'

/** A job to submit. Only `workflow_id` is needed, or `workflow_json` and a `workflow_name`. */
export type NewJob = InputOf<typeof Submission>

export type JobStatus = JobSummary['status']

/** Filters of a list of jobs. A field that is left out does not filter. */
export interface JobQuery {
  readonly status?: JobStatus | readonly JobStatus[] | undefined
  readonly workflow_id?: string | undefined
  readonly robot_id?: string | undefined
  readonly trigger_id?: string | undefined
  readonly schedule_id?: string | undefined
  readonly parent_job_id?: string | undefined
  /** Only dead letters: jobs that have failed for good and were not requeued since. */
  readonly dead_lettered?: boolean | undefined
  /** Jobs fetched at a time, 1 to 200; default 50. */
  readonly limit?: number | undefined
}

export interface SubmitOptions extends CallOptions {
  /**
   * Identifies the submission: submitting again with the same key returns the same job. Without a key, every call
   * submits a new job.
   */
  readonly idempotencyKey?: string | undefined
}

/** The first and the longest pause between two polls of a job that is waited for. */
const POLL_MS = 100
const POLL_MS_MAX = 2_000

/** Jobs: submit, follow, cancel, retry. */
export class Jobs {
  readonly #transport: Transport
  readonly #root: string

  constructor(transport: Transport, api: string) {
    this.#transport = transport
    this.#root = `${api}/jobs`
  }

  /**
   * Resolves with the job once it is durable. Every submission has an idempotency key, so it can be sent again when the
   * answer was lost without making a second job.
   */
  submit(job: NewJob, { idempotencyKey = newIdempotencyKey(), signal }: SubmitOptions = {}): Promise<SubmittedJob> {
    const headers = { 'Idempotency-Key': idempotencyKey }
    return this.#transport.send('POST', this.#root, { body: job, headers, repeatable: true, signal })
  }

  /** The job with its parameters, result, definition and the end of its log. */
  get(id: string, options: CallOptions = {}): Promise<JobDetail> {
    return this.#transport.send('GET', this.#at(id), options)
  }

  /** Jobs, newest first. Pages are fetched as the loop needs them. */
  list(query: JobQuery = {}, options: CallOptions = {}): AsyncGenerator<JobSummary, void, undefined> {
    return this.#transport.list(this.#root, { ...query }, options)
  }

  /**
   * Cancels a job. Final at once; the robot is asked to stop. Refused with `CONFLICT` when the job has already ended.
   */
  cancel(id: string, reason?: string, options: CallOptions = {}): Promise<JobSummary> {
    return this.#transport.send('POST', `${this.#at(id)}/cancel`, { ...options, body: { reason } })
  }

  /**
   * Declares that the robot which was offered this job, and has not answered, has not started it; the job is offered
   * anew. Refused with `CONFLICT` when the robot has accepted it or may still answer, and when the job has ended.
   */
  release(id: string, reason?: string, options: CallOptions = {}): Promise<JobSummary> {
    return this.#transport.send('POST', `${this.#at(id)}/release`, { ...options, body: { reason } })
  }

  /** Submits a new job that repeats one that has ended. */
  retry(id: string, options: CallOptions = {}): Promise<SubmittedJob> {
    return this.#transport.send('POST', `${this.#at(id)}/retry`, options)
  }

  /** Submits a new job that repeats a dead letter, and takes that off the list of dead letters. */
  requeue(id: string, options: CallOptions = {}): Promise<SubmittedJob> {
    return this.#transport.send('POST', `${this.#at(id)}/requeue`, options)
  }

  /** Explains why a job is not running, and under which conditions it would run. */
  explain(id: string, options: CallOptions = {}): Promise<ExplanationView> {
    return this.#transport.send('GET', `${this.#at(id)}/explain`, options)
  }

  /** The history of a job, in order. */
  async history(id: string, options: CallOptions = {}): Promise<readonly HistoryEntry[]> {
    return (await this.#transport.send<Page<HistoryEntry>>('GET', `${this.#at(id)}/history`, options)).items
  }

  /** Every line of the job's log so far, in order. */
  logs(id: string, options: CallOptions = {}): AsyncGenerator<LogLine, void, undefined> {
    return this.#transport.list(`${this.#at(id)}/logs`, {}, options)
  }

  /**
   * Resolves with the job once it has ended, successfully or not. Polls at growing intervals of at most 2 s. Once the
   * orchestrator has answered this client, waiting continues through a restart of it.
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
