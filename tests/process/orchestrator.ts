import { Api } from '../wire/api.ts'
import { readBanner } from '../wire/banner.ts'
import { freePort, MAIN, newFolder, Program } from './program.ts'

export { cleanUp } from './program.ts'

const UNLIMITED = 'tests/unlimited.json'

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

/** The orchestrator as its user runs it: a process with a data folder, two ports, and what it prints. */
export class Orchestrator extends Api {
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
    super()
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
  /** The address of the HTTP API, without a path. */
  override get http(): string {
    return this.#http
  }
  /** The address for robots. */
  override get robots(): string {
    return this.#robots
  }
  /** The admin key that was printed last. */
  override get admin(): string {
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

  /** The same as `restart`, without waiting until it is ready, to kill it before that. */
  launch(args: readonly string[] = []): void {
    if (this.#program.running) throw new Error('it is still running')
    this.#program = this.#spawn(args)
  }

  #spawn(args: readonly string[]): Program {
    const { robot = false, env } = this.#options
    const [http, robots] = this.#ports
    const own = [...(this.#options.args ?? []), ...args]
    return new Program(MAIN, [
      '--data',
      this.data,
      '--http-port',
      String(http),
      '--robot-port',
      String(robots),
      ...(robot ? [] : ['--no-robot']),
      // Tests ask for more in a minute than anybody else.
      ...(own.includes('--settings') ? [] : ['--settings', UNLIMITED]),
      ...own,
    ], env)
  }

  async #ready(): Promise<void> {
    const banner = await readBanner(this.#program)
    this.#http = banner.http
    this.#robots = banner.robots
    // Shown at the first start only, and kept for the later ones.
    this.#admin = banner.admin ?? this.#admin
    this.#robotKey = banner.robotKey ?? this.#robotKey
    this.#curl = banner.curl ?? this.#curl
  }
}
