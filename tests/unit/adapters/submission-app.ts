import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { createKey } from '../../../adapters/commands/installation.ts'
import { type Fleet, openFleet } from '../../../adapters/fleet/fleet.ts'
import { httpApp } from '../../../adapters/http/app.ts'
import { nodePlatform } from '../../../adapters/node/platform.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import { DEFAULTS, type Settings, UNLIMITED } from '../../../core/settings.ts'

/** A fleet in memory behind HTTP, in this process, where what it does can be counted. */
export interface SubmissionApp {
  readonly fleet: Fleet
  readonly key: string
  readonly url: string
  /** The names of all queries of the store so far. */
  readonly queries: string[]
  /** The number of connections so far. */
  readonly connections: () => number
  /** The answer to a POST, without a network in between. */
  post(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** Time passes for it. */
  pass(ms: number): void
  stop(): Promise<void>
}

/** The definition that every job here brings. */
export const JOB = { workflow_id: 'w', workflow_json: '{"nodes":{}}' }

export async function startApp(settings: Partial<Settings> = {}): Promise<SubmissionApp> {
  const store = memoryStore()
  const asked: string[] = []
  const queries = new Proxy(store.queries, {
    get(target, name: string) {
      asked.push(name)
      return Reflect.get(target, name) as unknown
    },
  })
  let ahead = 0
  const platform = {
    ...nodePlatform(),
    now: () => Date.now() + ahead,
    monotonic: () => performance.now() + ahead,
    log: () => {},
  }
  const fleet = await openFleet({ ...store, queries }, platform, { ...DEFAULTS, ...UNLIMITED, ...settings }, () => {})
  const key = await createKey(fleet, 'test', ['admin'])
  const app = httpApp(fleet, { version: '1.0.0', durability: 'full' })
  let connections = 0
  const server: Server = createServer(getRequestListener((request) => app.fetch(request)))
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    fleet,
    key,
    url,
    queries: asked,
    connections: () => connections,
    post: async (path, body, headers = {}) =>
      app.fetch(
        new Request(`${url}/api/v1${path}`, {
          method: 'POST',
          headers: { 'Authorization': `Bearer ${key}`, 'Content-Type': 'application/json', ...headers },
          body: JSON.stringify(body),
        }),
      ),
    pass(ms) {
      ahead += ms
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await fleet.stop()
    },
  }
}
