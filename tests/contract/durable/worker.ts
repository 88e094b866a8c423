import { DurableObject } from 'cloudflare:workers'
import { MIGRATIONS } from '../../../adapters/cloudflare/bundled.ts'
import { type ObjectPlatform, objectPlatform } from '../../../adapters/cloudflare/platform.ts'
import { openDurableStore } from '../../../adapters/store/durable.ts'
import { shellContract } from '../shell.ts'
import { storeContract } from '../store.ts'

/** The store's and the shell's contract where they cannot be run from outside: in a Durable Object. */

interface Env {
  readonly DISKS: DurableObjectNamespace<Disk>
}

/** One check on one empty disk, with one alarm. */
export class Disk extends DurableObject<Env> {
  readonly #platform: ObjectPlatform

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#platform = objectPlatform(ctx)
  }

  override async alarm(): Promise<void> {
    this.#platform.alarmFired()
  }

  override async fetch(request: Request): Promise<Response> {
    const { storage } = this.ctx
    const checks = [
      ...storeContract('durable object', async () => ({ open: async () => openDurableStore(storage, MIGRATIONS) })),
      ...shellContract('durable object', () => this.#platform),
    ]
    const name = new URL(request.url).searchParams.get('check')
    if (name === null) return Response.json(checks.map((check) => check.name))
    const check = checks.find((one) => one.name === name)
    if (check === undefined) return new Response('there is no such check', { status: 404 })
    try {
      await check.run()
      return new Response('kept')
    } catch (error) {
      return new Response(error instanceof Error ? error.stack ?? error.message : String(error), { status: 500 })
    }
  }
}

const worker: ExportedHandler<Env> = {
  fetch: (request, env) => env.DISKS.get(env.DISKS.newUniqueId()).fetch(request),
}

// The platform asks for a default export.
export { worker as default }
