import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import crossws from 'crossws/adapters/node'
import type { MessageType } from '../../../core/protocol/message.ts'
import { type JobContext, Robot } from '../../../robot/robot.ts'
import { type Scene, WORKFLOW } from './scene.ts'

const SOCKET = 'sdk'

/**
 * A robot of the package on a real connection, whose frames wait until they are let through: so the turns are the same
 * in every run. Its handler reports progress, waits for `finish`, writes three lines, and returns a result.
 */
export class SdkRobot {
  readonly #scene: Scene
  readonly #frames: string[] = []
  readonly #server: Server
  readonly #robot: Robot
  #look: () => void = () => {}
  #finish: () => void = () => {}

  private constructor(scene: Scene, server: Server) {
    this.#scene = scene
    this.#server = server
    const ws = crossws({
      hooks: {
        open: (peer) => scene.connect(SOCKET, (text) => peer.send(text)),
        message: (_peer, message) => {
          this.#frames.push(steady(message.text()))
          this.#look()
        },
      },
    })
    server.on('upgrade', (request, socket, head) => void ws.handleUpgrade(request, socket, head))
    this.#robot = new Robot({
      url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
      id: SOCKET,
      stateFile: false,
      telemetryPerMinute: 100_000,
      timings: { confirmMs: 0 },
      handlers: { [WORKFLOW]: (job) => this.#handle(job) },
    })
  }

  /** Starts a robot, and resolves when it is registered. */
  static async start(scene: Scene): Promise<SdkRobot> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const self = new SdkRobot(scene, server)
    const started = self.#robot.start()
    await self.hears('register')
    await started
    await self.hears('heartbeat', 'status_response')
    return self
  }

  /** Waits until the robot has sent messages of these types, and lets nothing through. Throws if others come first. */
  async sends(...types: readonly MessageType[]): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#look = () => void (this.#frames.length >= types.length && resolve())
      this.#look()
    })
    const found = this.#frames.slice(0, types.length).map((frame) => (JSON.parse(frame) as { type: string }).type)
    if (found.join() !== types.join()) throw new Error(`the robot sent ${found.join()}, not ${types.join()}`)
  }

  /** Waits for the same, and lets them through together. */
  async hears(...types: readonly MessageType[]): Promise<void> {
    await this.sends(...types)
    await this.#scene.receive(SOCKET, ...this.#frames.splice(0, types.length))
  }

  /** The handler of the running job goes on to its end. */
  finish(): void {
    this.#finish()
  }

  async stop(): Promise<void> {
    this.#look = () => void this.#scene.receive(SOCKET, ...this.#frames.splice(0))
    await this.#robot.stop({ graceMs: 0 })
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #handle(job: JobContext): Promise<typeof RESULT> {
    job.progress(50, 'node-1', 'half of it')
    await new Promise<void>((resolve) => {
      this.#finish = resolve
    })
    for (const line of ['began', 'went on', 'ended']) job.log('INFO', `the work ${line}`)
    return RESULT
  }
}

/** The result of every job here: about 70 bytes, as many as that of a usual job. */
export const RESULT = { total: 4_211, currency: 'EUR', file: 'orders-2026-01-05.csv', ok: true }

/** Values that chance, a clock or the machine decides, and their replacements. */
const STEADY: Readonly<Record<string, unknown>> = {
  cpu_percent: 1,
  memory_percent: 1,
  disk_percent: 1,
  duration_ms: 1,
  timestamp: '2026-01-05T09:00:00.000Z',
}

/** The frame with values that are the same in every run. */
function steady(frame: string): string {
  return JSON.stringify(JSON.parse(frame, (key, value: unknown) => {
    if (key === 'memory') return { ...value as object, id: '00000000-0000-4000-8000-000000000000' }
    return key in STEADY ? STEADY[key] : value
  }))
}
