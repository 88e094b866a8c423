import { setTimeout } from 'node:timers/promises'
import { checkAnswer } from './contract.ts'

/** An answer of the API, read completely. */
export interface Reply<T> {
  readonly status: number
  readonly headers: Headers
  readonly body: T
}

export interface Call {
  /** Without one the request comes with the admin key; null: with none. */
  readonly key?: string | null
  /** Sent as JSON; a string, or bytes, are sent as they are. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The body of a refusal, on every route except the webhook's. */
export interface ErrorBody {
  readonly type: 'error'
  readonly payload: {
    readonly error_code: string
    readonly error_message: string
    readonly details: Readonly<Record<string, unknown>>
  }
  readonly correlation_id: string
}

/** The fields of a job that the tests look at. */
export interface JobView {
  readonly id: string
  readonly workflow_id: string
  readonly status: string
  readonly progress: number
  readonly attempt: number
  readonly offer: number
  readonly parameters: Readonly<Record<string, unknown>>
  readonly result: unknown
  readonly logs: string
  readonly error_type: string
}

/** One entry of a job's history, as the API shows it. */
export interface Entry {
  readonly event: string
  readonly from_status: string | null
  readonly to_status: string
  readonly attempt: number
  readonly offer: number
  readonly robot_id: string | null
  readonly actor: string
  readonly detail: string
}

/** An orchestrator as a client knows it: two addresses and a key. What it runs on is its own affair. */
export abstract class Api {
  /** The address of the HTTP API, without a path. */
  abstract get http(): string
  /** The address for robots. */
  abstract get robots(): string
  abstract get admin(): string

  /** One request to the HTTP API. The path starts behind the port. */
  async call<T = Record<string, unknown>>(method: string, path: string, call: Call = {}): Promise<Reply<T>> {
    const { key = this.admin, body } = call
    const headers: Record<string, string> = { ...call.headers }
    if (key !== null) headers['Authorization'] = `Bearer ${key}`
    if (body !== undefined) headers['Content-Type'] ??= 'application/json'
    const sent = typeof body === 'string' || body instanceof Uint8Array
      ? body as NonNullable<RequestInit['body']>
      : JSON.stringify(body) ?? null
    const response = await fetch(this.http + path, { method, headers, body: sent })
    const read = await response.json() as T
    checkAnswer(method, path, response.status, read)
    return { status: response.status, headers: response.headers, body: read }
  }

  /** The text of an answer, as it came. */
  async text(path: string): Promise<string> {
    const response = await fetch(this.http + path, { headers: { Authorization: `Bearer ${this.admin}` } })
    return await response.text()
  }

  /** As `call`, under `/api/v1`, for what must succeed: resolves with the body. */
  async api<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.call<T>(method, `/api/v1${path}`, body === undefined ? {} : { body })
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`)
    return reply.body
  }

  /** Submits a job and resolves with its id. */
  async submit(job: Readonly<Record<string, unknown>>): Promise<string> {
    return (await this.api<{ readonly id: string }>('POST', '/jobs', job)).id
  }

  /** A job as its own page shows it. */
  job(id: string): Promise<JobView> {
    return this.api<JobView>('GET', `/jobs/${id}`)
  }

  /** Asks for a job until it has one of the statuses. Over HTTP there is nothing to wait on but to ask again. */
  jobIn(id: string, ...statuses: readonly string[]): Promise<JobView> {
    return until(`job ${id} is ${statuses.join(' or ')}`, async () => {
      const job = await this.job(id)
      return statuses.includes(job.status) ? job : undefined
    })
  }

  /** The history of a job, in order. */
  async history(job: string): Promise<readonly Entry[]> {
    return (await this.api<{ readonly items: readonly Entry[] }>('GET', `/jobs/${job}/history`)).items
  }

  /** The same, by the names of the events, without the coming and going of robots. */
  async events(job: string): Promise<readonly string[]> {
    return (await this.history(job)).map(({ event }) => event).filter((event) => !event.endsWith('connected'))
  }
}

/** Asks until there is an answer. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  mostMs = 60_000,
): Promise<T> {
  const end = Date.now() + mostMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > end) throw new Error(`never: ${what}`)
    await setTimeout(15)
  }
}
