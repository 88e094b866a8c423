import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Fleet, openFleet, type Platform } from '../../../adapters/fleet/fleet.ts'
import { httpApp } from '../../../adapters/http/app.ts'
import { createKey } from '../../../adapters/commands/installation.ts'
import type { PostRequest } from '../../../adapters/net/post.ts'
import type { SocketId } from '../../../core/base/ids.ts'
import type { MessageType } from '../../../core/protocol/message.ts'
import { DEFAULTS } from '../../../core/settings.ts'
import { START } from '../../core/bench.ts'
import { type CountedStore, openCountedStore, type StoreWork } from './store.ts'

/** The work of a fleet. */
export interface Work extends StoreWork {
  /** To the HTTP API, and the bytes of the answers' bodies. */
  readonly requests: number
  readonly answer_bytes: number
  /** From robots. */
  readonly messages_in: number
  /** To robots, and their bytes. */
  readonly messages_out: number
  readonly message_bytes_out: number
  /** To webhooks. */
  readonly calls: number
}

export const WORKFLOW = 'w'

/** A message of a robot, to be sent on its connection. */
interface Message {
  readonly job_id?: string
  readonly offer?: number
}

/** A real fleet over a real database, with a clock that stands still, and everything that it does counted. */
export class Scene {
  readonly fleet: Fleet
  /** The messages to robots, each with the socket that it was sent to. */
  readonly sent: { readonly socket: string; readonly type: string; readonly payload: Message }[] = []
  readonly posts: PostRequest[] = []
  readonly #counted: CountedStore
  readonly #app: ReturnType<typeof httpApp>
  readonly #key: string
  readonly #world: World
  readonly #folder: string
  #counts = { ...NO_COUNTS }

  private constructor(fleet: Fleet, counted: CountedStore, world: World, folder: string, key: string) {
    this.fleet = fleet
    this.#counted = counted
    this.#world = world
    this.#folder = folder
    this.#key = key
    this.#app = httpApp(fleet, { version: '0', durability: 'full' })
    world.post = (post) => this.posts.push(post)
  }

  /** Opens a scene with one published workflow. */
  static async open(): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'counted-'))
    const world: World = { now: START, alarm: null, post: () => {} }
    const counted = openCountedStore(join(folder, 'fleet.db'))
    const fleet = await openFleet(counted.store, platformOf(world), SETTINGS, (error) => {
      throw error
    })
    const scene = new Scene(fleet, counted, world, folder, await createKey(fleet, 'admin', ['admin']))
    await scene.request('POST', '/workflows', { id: WORKFLOW, name: 'Workflow', json_definition: DEFINITION })
    await scene.request('POST', `/workflows/${WORKFLOW}/publish`)
    return scene
  }

  #add(counts: Partial<typeof NO_COUNTS>): void {
    for (const [name, count] of Object.entries(counts)) this.#counts[name as keyof typeof NO_COUNTS] += count
  }

  async close(): Promise<void> {
    await this.fleet.stop()
    rmSync(this.#folder, { recursive: true })
  }

  /** Forgets what was counted so far. */
  reset(): void {
    this.#counted.reset()
    this.#counts = { ...NO_COUNTS }
    this.posts.length = 0
  }

  work(): Work {
    return { ...this.#counts, calls: this.posts.length, ...this.#counted.work() }
  }

  /** Resolves when all that has arrived is handled, and all that followed from it. */
  async settle(): Promise<void> {
    for (let i = 0; i < SETTLED_AFTER; i++) {
      await this.fleet.whenIdle()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Sends a request to the API, or to another path of the fleet. Throws for a refusal. */
  async request(method: string, path: string, body?: object): Promise<Readonly<Record<string, unknown>>> {
    const headers = { 'Authorization': `Bearer ${this.#key}`, 'Content-Type': 'application/json' }
    const response = await this.#app.request(path.startsWith('/webhook/') ? path : `/api/v1${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = await response.text()
    this.#add({ requests: 1, answer_bytes: Buffer.byteLength(answer) })
    const json = JSON.parse(answer) as Readonly<Record<string, unknown>>
    if (response.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(json)}`)
    return json
  }

  /** The body of a submission as most clients send it. */
  job(given: object = {}): object {
    return { workflow_id: WORKFLOW, parameters: PARAMETERS, ...given }
  }

  /** Submits a job, and returns its id. */
  async submit(given: object = {}): Promise<string> {
    const job = await this.request('POST', '/jobs', this.job(given))
    await this.settle()
    return String(job['id'])
  }

  /** Opens the connection of a robot; `send` passes frames on to it. */
  connect(id: string, send: (text: string) => void = () => {}): void {
    this.fleet.opened({
      id: id as SocketId,
      send: (text) => {
        this.#add({ messages_out: 1, message_bytes_out: Buffer.byteLength(text) })
        const { type, payload } = JSON.parse(text) as { type: string; payload: Message }
        this.sent.push({ socket: id, type, payload })
        send(text)
      },
      close: () => {},
      buffered: () => 0,
    }, null)
  }

  /** Frames of a robot arrive together, so that they share one turn. */
  async receive(id: string, ...frames: readonly string[]): Promise<void> {
    this.#add({ messages_in: frames.length })
    for (const frame of frames) this.fleet.received(id as SocketId, frame)
    await this.settle()
  }

  /** A robot that speaks the protocol by hand sends a message. */
  async say(id: string, type: MessageType, payload: object): Promise<void> {
    const message_id = this.fleet.platform.uuid()
    const timestamp = new Date(this.#world.now).toISOString()
    await this.receive(id, JSON.stringify({ type, id: message_id, timestamp, payload: { robot_id: id, ...payload } }))
  }

  /** The last offer to a robot. */
  offerTo(id: string): { readonly job_id: string; readonly offer: number } {
    const offer = this.sent.findLast(({ socket, type }) => socket === id && type === 'job_assign')
    if (offer === undefined) throw new Error(`${id} has no offer`)
    return { job_id: String(offer.payload.job_id), offer: Number(offer.payload.offer) }
  }

  /** Lets time pass: every alarm in between rings when it is due. */
  async pass(ms: number): Promise<void> {
    const end = this.#world.now + ms
    for (let due = this.#world.alarm; due !== null && due.at <= end; due = this.#world.alarm) {
      this.#world.alarm = null
      this.#world.now = Math.max(this.#world.now, due.at)
      due.ring()
      await this.settle()
    }
    this.#world.now = end
  }
}

/** The looks, one after another, after which nothing more follows. */
const SETTLED_AFTER = 6

const NO_COUNTS = { requests: 0, answer_bytes: 0, messages_in: 0, messages_out: 0, message_bytes_out: 0 }
/** Limits are kept as usual, except that all submissions come from one client within one instant. */
const SETTINGS = { ...DEFAULTS, robotsAuth: 'open', submissionsMax: 0 } as const
const DEFINITION = { nodes: {}, connections: [] }
/** About 300 bytes, as many as those of a usual job. */
const PARAMETERS = { region: 'north', rows: Array.from({ length: 20 }, (_, i) => `order-${1_000 + i}`) }

interface World {
  now: number
  alarm: { readonly at: number; readonly ring: () => void } | null
  post: (post: PostRequest) => void
}

/** Instants, ids and randomness are the same in every run. */
function platformOf(world: World): Platform {
  let ids = 0
  const newId = (): string => `00000000-0000-7000-8000-${(++ids).toString(16).padStart(12, '0')}`
  return {
    hibernates: false,
    now: () => world.now,
    uuid: newId,
    rowId: newId,
    seed: () => 1,
    defer: (run) => void setImmediate(run),
    setAlarm: (at, ring) => void (world.alarm = at === null ? null : { at, ring }),
    post: async (post) => {
      world.post(post)
      return { status: 200, retryAfter: null, text: '' }
    },
    log: () => {},
  }
}
