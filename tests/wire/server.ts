import { randomBytes } from 'node:crypto'
import { freePort, newFolder } from '../process/program.ts'
import unlimited from '../unlimited.json' with { type: 'json' }
import { Api } from './api.ts'
import type { Place, Running, Target } from './target.ts'

/** One orchestrator on one target, with data of its own. */
export class Server extends Api {
  readonly target: Target
  readonly #settings: Place['settings']
  #place: Place | null = null
  #running: Running | null = null
  #admin = ''

  /** Tests ask for more in a minute than anybody else; those about limits bring their own, or have them as they are. */
  constructor(target: Target, settings: Place['settings'] = {}, others: Place['settings'] = unlimited) {
    super()
    this.target = target
    this.#settings = { ...others, ...settings }
  }

  override get http(): string {
    return this.#now.http
  }
  override get robots(): string {
    return this.#now.robots
  }
  override get admin(): string {
    return this.#admin
  }

  /** The process that everything of it belongs to. */
  get pid(): number {
    return this.#now.pid
  }

  /** The address of a robot that sends its key in the query. */
  robotsWith(key: string): string {
    const url = new URL(this.robots)
    url.searchParams.set('api_key', key)
    return url.href
  }

  /** Starts it, and after a `kill` or a `stop` starts it again on the same data, at the same addresses. */
  async start(): Promise<void> {
    this.#place ??= {
      data: newFolder(),
      ports: [await freePort(), await freePort()],
      settings: this.#settings,
      key: `crpa_${randomBytes(32).toString('base64url')}`,
    }
    this.#running = await this.target.start(this.#place)
    this.#admin = this.#running.admin ?? this.#admin
  }

  /** `kill -9` of everything that belongs to it. */
  kill(): Promise<void> {
    return this.#now.kill()
  }

  /** Has it stand still until it is resumed: whatever is sent to it meanwhile waits. */
  pause(): void {
    this.#now.signal('SIGSTOP')
  }

  resume(): void {
    this.#now.signal('SIGCONT')
  }

  /** Ends it in the ordinary way, if it has been started at all. */
  async stop(): Promise<void> {
    await this.#running?.stop()
  }

  /** Its complaints since it was started, without warnings, which concern peers, and tests misbehave on purpose. */
  faults(): string {
    return this.#lines().filter((line) => !isWarning(line)).join('\n')
  }

  /** The warnings in its log, from the first. */
  get warnings(): readonly string[] {
    return this.#lines().filter(isWarning)
  }

  #lines(): readonly string[] {
    return (this.#running?.faults() ?? '').split('\n').filter((line) => line !== '')
  }

  get #now(): Running {
    if (this.#running === null) throw new Error('the server has not been started')
    return this.#running
  }
}

function isWarning(line: string): boolean {
  return line.includes('"level":"warn"')
}
