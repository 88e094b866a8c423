import { setTimeout } from 'node:timers/promises'
import { freePort, MAIN, newFolder, Program } from './program.ts'

export { cleanUp } from './program.ts'

export interface StartOptions {
  /** The data folder; without one, a new one. */
  readonly data?: string
  /** Start the reference robot beside it. */
  readonly robot?: boolean
  /** The same two ports at each start. Without this the system chooses them anew. */
  readonly fixedPorts?: boolean
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** What an answer of the API is, read whole. */
export interface Reply<T> {
  readonly status: number
  readonly headers: Headers
  readonly body: T
}

export interface Call {
  /** Without one the request comes with the admin key; null: with none. */
  readonly key?: string | null
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** How the API says no, on every route but the webhook's. */
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
  readonly parameters: Readonly<Record<string, unknown>>
  readonly result: unknown
  readonly logs: string
  readonly error_type: string
}

/** The orchestrator as its user runs it: a process with a data folder, two ports, and what it prints. */
export class Orchestrator {
  readonly data: string
  readonly #options: StartOptions
  readonly #ports: readonly [number, number]
  #program: Program
  #admin = ''
  #robotKey = ''
  #curl = ''
  #http = ''
  #robots = ''

  private constructor(options: StartOptions, ports: readonly [number, number]) {
    this.data = options.data ?? newFolder()
    this.#options = options
    this.#ports = ports
    this.#program = this.#spawn([])
  }

  /** Starts it and waits until it is ready. */
  static async start(options: StartOptions = {}): Promise<Orchestrator> {
    const fixed = options.fixedPorts === true
    const ports = fixed ? [await freePort(), await freePort()] as const : [0, 0] as const
    const orchestrator = new Orchestrator(options, ports)
    await orchestrator.#ready()
    return orchestrator
  }

  get program(): Program {
    return this.#program
  }
  /** Where the HTTP API listens, without a path. */
  get http(): string {
    return this.#http
  }
  /** Where robots connect. */
  get robots(): string {
    return this.#robots
  }
  /** The admin key that was printed last. */
  get admin(): string {
    return this.#admin
  }
  get robotKey(): string {
    return this.#robotKey
  }
  /** The line that starts a job, as it was printed at the first start. */
  get curl(): string {
    return this.#curl
  }

  /** Ctrl-C: resolves with the exit status once everything that belongs to it has ended. */
  async stop(to: 'process' | 'group' = 'process'): Promise<number | string | null> {
    this.#program.signal('SIGINT', to)
    const status = await this.#program.exited
    await this.#program.closed
    return status
  }

  /** `kill -9`: resolves when the process is gone. */
  async kill(): Promise<void> {
    if (this.#options.robot === true) this.#program.noteRobot()
    this.#program.signal('SIGKILL')
    await this.#program.exited
  }

  /** Starts it again on the same folder and, if they are fixed, the same ports. It must have ended. */
  async restart(args: readonly string[] = []): Promise<void> {
    this.launch(args)
    await this.#ready()
  }

  /** As `restart`, without waiting until it is ready: for whoever wants to kill it before that. */
  launch(args: readonly string[] = []): void {
    if (this.#program.running) throw new Error('it is still running')
    this.#program = this.#spawn(args)
  }

  /** One request to the HTTP API. The path starts behind the port. */
  async call<T = Record<string, unknown>>(method: string, path: string, call: Call = {}): Promise<Reply<T>> {
    const { key = this.#admin, body } = call
    const headers: Record<string, string> = { ...call.headers }
    if (key !== null) headers['Authorization'] = `Bearer ${key}`
    if (body !== undefined) headers['Content-Type'] ??= 'application/json'
    const text = body === undefined || typeof body === 'string' ? body ?? null : JSON.stringify(body)
    const response = await fetch(this.#http + path, { method, headers, body: text })
    return { status: response.status, headers: response.headers, body: await response.json() as T }
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

  #spawn(args: readonly string[]): Program {
    const { robot = false, env } = this.#options
    const [http, robots] = this.#ports
    return new Program(MAIN, [
      '--data',
      this.data,
      '--http-port',
      String(http),
      '--robot-port',
      String(robots),
      ...(robot ? [] : ['--no-robot']),
      ...(this.#options.args ?? []),
      ...args,
    ], env)
  }

  async #ready(): Promise<void> {
    await this.#program.said(/Ready\. Ctrl-C stops it\./)
    const { out } = this.#program
    const read = (pattern: RegExp): string | undefined => pattern.exec(out)?.[1]
    this.#http = read(/^ {2}API +(\S+)\/api\/v1$/m) ?? ''
    this.#robots = read(/^ {2}Robots +(\S+)$/m) ?? ''
    // Shown at the first start only, and kept for the later ones.
    this.#admin = read(/^ {2}Admin key +(\S+)$/m) ?? this.#admin
    this.#robotKey = read(/^ {2}Robot key +(\S+) /m) ?? this.#robotKey
    this.#curl = read(/^ {2}(curl -X POST .*)$/m) ?? this.#curl
  }
}

/** Asks until there is an answer. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  mostMs = 15_000,
): Promise<T> {
  const end = Date.now() + mostMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > end) throw new Error(`never: ${what}`)
    await setTimeout(15)
  }
}
