import { DurableObject } from 'cloudflare:workers'
import pkg from '../../package.json' with { type: 'json' }
import type { SocketId } from '../../core/base/ids.ts'
import { refuse } from '../../core/base/refusal.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import { type Fleet, openFleet } from '../fleet/fleet.ts'
import { httpApp } from '../http/app.ts'
import type { FleetRegistry } from '../http/routes/fleets.ts'
import { resolveClientAddress, setPeerAddress } from '../net/client-address.ts'
import { DEFAULT_FLEET, fleetPath } from '../fleet/path.ts'
import { createKey, publishSamples } from '../commands/installation.ts'
import { hashOf } from '../crypto/secrets.ts'
import { screenMail } from '../sources/mail.ts'
import { fireFromSource, type SourceEvent } from '../sources/sources.ts'
import { openDurableStore } from '../store/durable.ts'
import { MIGRATIONS, SAMPLES } from './bundled.ts'
import { drainBody } from './body.ts'
import { readRobotUpgrade } from './robot-upgrade.ts'
import { CONNECTION_HEADER, isUpgradeRequest } from './robot-connection.ts'
import { settingsOf, type WorkerEnv } from './env.ts'
import type { FleetCalls } from './fleet-calls.ts'
import { NO_FLEET, refusedResponse } from './refused.ts'
import { type ObjectPlatform, objectPlatform } from './platform.ts'
import {
  acceptSocket,
  answerClose,
  closeIfOverlong,
  decideCutOff,
  isClosing,
  isCutOffAwaited,
  isIgnored,
  restoredSockets,
  socketIdOf,
  stopReading,
  waitForCutOff,
} from './socket.ts'

/** The key in a fleet's storage that marks it as created. */
const MADE = 'made'

/** The prefix of other fleets' names in the storage of the default fleet. */
const FLEET = 'fleet:'

interface Running {
  readonly fleet: Fleet
  readonly fetch: (request: Request) => Response | Promise<Response>
}

/**
 * One fleet: its rows in the object's SQLite, its robots' sockets, its one alarm. The platform may evict it whenever no
 * request or timer is pending; the next event runs the constructor, which starts from the store and from the sockets'
 * attachments.
 */
export class FleetObject extends DurableObject<WorkerEnv> implements FleetCalls {
  readonly #platform: ObjectPlatform
  readonly #isDefault: boolean
  #running: Running | null = null

  constructor(ctx: DurableObjectState, env: WorkerEnv) {
    super(ctx, env)
    this.#platform = objectPlatform(ctx)
    this.#isDefault = ctx.id.equals(env.FLEETS.idFromName(DEFAULT_FLEET))
    // Events are delivered only after this has finished. A fleet that was never created gets no tables.
    void ctx.blockConcurrencyWhile(async () => {
      if (this.#isDefault || await ctx.storage.get(MADE) === true) this.#running = await this.#begin()
      if (this.#isDefault && this.#running !== null) await this.#ensureAdminKey(this.#running.fleet)
    })
  }

  /** Serves a request, or connects a robot. */
  override async fetch(request: Request): Promise<Response> {
    const running = this.#running
    if (running === null) return refusedResponse(request, NO_FLEET)
    if (!isUpgradeRequest(request)) {
      setPeerAddress(request, request.headers.get('cf-connecting-ip'))
      const response = await running.fetch(request)
      await drainBody(request, response)
      return response
    }
    const asked = readRobotUpgrade(request, running.fleet.state.settings)
    if (asked instanceof Response) return asked
    const { 0: client, 1: server } = new WebSocketPair()
    const { headers } = request
    const { trustedProxies } = running.fleet.state.settings
    const address = resolveClientAddress(
      headers.get('cf-connecting-ip'),
      headers.get('x-forwarded-for'),
      trustedProxies,
    )
    const id = headers.get(CONNECTION_HEADER) as SocketId // Set by the Worker.
    running.fleet.opened(acceptSocket(this.ctx, server, id, address), asked.credential, asked.robot)
    return new Response(null, { status: 101, webSocket: client })
  }

  override async webSocketMessage(ws: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    const id = socketIdOf(this.ctx, ws)
    if (id === undefined || isIgnored(id, ws)) return
    const overlong = closeIfOverlong(id, ws, frame)
    if (this.#running === null) return
    const { fleet } = this.#running
    if (overlong) fleet.closed(id)
    else if (!fleet.received(id, frame)) return stopReading(id, ws)
    if (isCutOffAwaited(id) && !fleet.bytesReceived(id, 0)) decideCutOff(id, false)
    await fleet.whenIdle()
  }

  override async webSocketClose(ws: WebSocket, code: number, reason: string): Promise<void> {
    // The platform leaves it to us to answer a peer's close; without an answer the peer would wait.
    answerClose(ws, code, reason)
    await this.#socketClosed(ws)
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    await this.#socketClosed(ws)
  }

  override async alarm(): Promise<void> {
    this.#platform.alarmFired()
    await this.#running?.fleet.whenIdle()
  }

  /**
   * Resolves once it is decided whether the Worker should cut a connection off. It should not if a robot registers on
   * it.
   */
  isToBeCutOff(id: SocketId): Promise<boolean> {
    const [ws] = this.ctx.getWebSockets(id)
    const isFlooding = ws !== undefined && (isClosing(ws) || this.#running?.fleet.bytesReceived(id, 0) === true)
    return isFlooding ? waitForCutOff(id, ws) : Promise.resolve(false)
  }

  /** True if a trigger takes mail to this address. */
  takesMail(address: string): boolean {
    return this.#mailTriggers(address).length > 0
  }

  /**
   * Processes a mail to this address, given as the JSON of its event. Resolves with `later` if the same mail should be
   * delivered again.
   */
  async mailReceived(address: string, json: string): Promise<'done' | 'later'> {
    const event = JSON.parse(json) as SourceEvent
    const fleet = this.#running?.fleet
    let answer: 'done' | 'later' = 'done'
    for (const trigger of this.#mailTriggers(address)) {
      if (fleet === undefined) continue
      const { rowId, log } = this.#platform
      const host = { request: (create: Parameters<Fleet['request']>[0]) => fleet.request(create), rowId, log }
      // A trigger that has fired for this mail does not fire again when it is delivered again for the others.
      if (await fireFromSource(host, trigger, { ...event, ...screenMail(trigger, event.payload) }) === 'later') {
        answer = 'later'
      }
    }
    return answer
  }

  #mailTriggers(address: string): readonly TriggerRow[] {
    const triggers = this.#running?.fleet.state.triggers.values() ?? []
    return [...triggers].filter((trigger) =>
      trigger.enabled && trigger.trigger_type === 'email' && trigger.config['address'] === address
    )
  }

  /** Called on the default fleet: true if a fleet of this name was created. */
  async hasFleet(name: string): Promise<boolean> {
    return await this.ctx.storage.get(FLEET + name) === true
  }

  /** Creates this fleet, and returns its first admin key, which is shown once; null if it exists already. */
  async create(): Promise<string | null> {
    if (this.#running !== null && this.#running.fleet.state.keys.size > 0) return null
    await this.ctx.storage.put(MADE, true)
    const { fleet } = this.#running ??= await this.#begin()
    return createKey(fleet, 'admin', ['admin'])
  }

  /** Adds the operator's key to the default fleet. A revoked one stays revoked. */
  async #ensureAdminKey(fleet: Fleet): Promise<void> {
    const secret = this.env.CASARE_ADMIN_KEY ?? ''
    if (secret === '' || fleet.state.keysBySecret.has(hashOf(secret))) return
    if (fleet.state.keys.size === 0) await publishSamples(fleet, SAMPLES)
    await createKey(fleet, 'admin', ['admin'], { secret })
  }

  /**
   * The other fleets, each an object of its own. The list is written before the object: a fleet that is on the list and
   * has no key is completed when it is created again.
   */
  #fleets(): FleetRegistry {
    const { storage } = this.ctx
    return {
      create: async (name) => {
        if (name !== DEFAULT_FLEET) await storage.put(FLEET + name, true)
        const adminKey = name === DEFAULT_FLEET
          ? null
          : await this.env.FLEETS.get(this.env.FLEETS.idFromName(name)).create()
        return adminKey === null
          ? refuse('CONFLICT', `There is a fleet ${name} already`, { fields: ['name'] })
          : { adminKey }
      },
      names: async () => [...(await storage.list({ prefix: FLEET })).keys()].map((key) => key.slice(FLEET.length)),
    }
  }

  async #socketClosed(ws: WebSocket): Promise<void> {
    const id = socketIdOf(this.ctx, ws)
    if (id !== undefined) {
      // Once a peer has answered our close, nothing is left to wait for; the platform would wait until it hibernates.
      decideCutOff(id, isClosing(ws))
      this.#running?.fleet.closed(id)
    }
    await this.#running?.fleet.whenIdle()
  }

  async #begin(): Promise<Running> {
    const store = openDurableStore(this.ctx.storage, MIGRATIONS)
    const onFatal = (error: Error): void => {
      this.#platform.log('error', 'this object starts anew', { error: String(error) })
      this.ctx.abort(error.message)
    }
    const fleet = await openFleet(store, this.#platform, settingsOf(this.env), onFatal, restoredSockets(this.ctx))
    const about = { version: pkg.version, durability: 'full' } as const
    const fleets = this.#isDefault ? { fleets: this.#fleets() } : { hidden: true }
    const apps = new Map<string, ReturnType<typeof httpApp>>()
    // The default fleet has two bases: the root, and the path with its name.
    const appAt = (base: string): ReturnType<typeof httpApp> => {
      const app = apps.get(base) ?? httpApp(fleet, about, { base, ...fleets })
      apps.set(base, app)
      return app
    }
    return { fleet, fetch: (request) => appAt(fleetPath(new URL(request.url).pathname)?.base ?? '').fetch(request) }
  }
}
