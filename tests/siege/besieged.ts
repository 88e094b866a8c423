import { randomBytes } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleWorker } from '../cloudflare/wrangler.ts'
import { freePort, newFolder, Program } from '../process/program.ts'
import { denoCommand, ROOT } from '../process/runtime.ts'
import { until } from '../wire/api.ts'
import type { Place } from '../wire/target.ts'
import { flagsOf, serverIn } from '../wire/targets/process.ts'

/** An orchestrator that is started to be attacked, with its inspector open. */
export interface Besieged {
  readonly http: string
  readonly robots: string
  readonly admin: string
  /** The process whose memory counts. */
  readonly pid: number
  /** The port of its inspector. */
  readonly inspector: number
  kill(): Promise<void>
}

export type RuntimeName = 'node' | 'deno' | 'workerd'

/** Starts an orchestrator with default settings on a runtime. */
export const START: Readonly<Record<RuntimeName, () => Promise<Besieged>>> = {
  node: () =>
    inProcess((flags, inspector) =>
      new Program(
        process.execPath,
        [`--inspect=${inspector}`, '--import', 'tsx', 'adapters/node/main.ts', ...flags],
        ALLOCATOR,
      )
    ),
  deno: () =>
    inProcess((flags, inspector) => {
      const [command, run = '', ...own] = denoCommand(flags)
      return new Program(command, [run, `--inspect=${inspector}`, ...own, 'adapters/deno/main.ts', ...flags], {
        NO_COLOR: '1',
        ...ALLOCATOR,
      })
    }),
  workerd: inWorkerd,
}

/** Of what is freed nothing is kept for later: it would look as if it were held. */
const ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '65536' }

type Start = (flags: readonly string[], inspector: string) => Program

async function inProcess(start: Start): Promise<Besieged> {
  const place: Place = { data: newFolder(), ports: [await freePort(), await freePort()], settings: {}, key: '' }
  const inspector = await freePort()
  const program = start(flagsOf(place), `127.0.0.1:${inspector}`)
  const { http, robots, admin = '' } = await serverIn(program)
  return { http, robots, admin, pid: program.pid, inspector, kill: () => program.killTree() }
}

const WORKERD = join(ROOT, 'node_modules/workerd/bin/workerd')
const READY_MS = 60_000

/**
 * The bundle that would be deployed, in workerd alone: `wrangler dev` puts two programs of its own before it, which no
 * request in the cloud goes through. As at the edge of the cloud, a client's address is in `CF-Connecting-IP`.
 */
async function inWorkerd(): Promise<Besieged> {
  const [folder, port, inspector] = [newFolder(), await freePort(), await freePort()]
  const admin = `crpa_${randomBytes(32).toString('base64url')}`
  await bundleWorker(folder)
  writeFileSync(join(folder, 'edge.js'), EDGE)
  writeFileSync(join(folder, 'config.capnp'), configOf(folder, port, admin))
  const program = new Program(WORKERD, [
    'serve',
    join(folder, 'config.capnp'),
    `--inspector-addr=127.0.0.1:${inspector}`,
  ], ALLOCATOR)
  const http = `http://127.0.0.1:${port}`
  await until(`workerd answers at ${http}`, async () => {
    if (!program.running) throw new Error(`workerd has ended: ${program.err}`)
    const answer = await fetch(`${http}/healthz`).catch(() => undefined)
    return answer?.status === 200 ? true : undefined
  }, READY_MS)
  return {
    http,
    robots: `${http.replace('http', 'ws')}/ws`,
    admin,
    pid: program.pid,
    inspector,
    kill: () => program.killTree(),
  }
}

const EDGE = `
  import worker from './index.js'
  export { FleetObject } from './index.js'
  export default {
    fetch(request, env, context) {
      const headers = new Headers(request.headers)
      headers.set('CF-Connecting-IP', request.cf.clientIp.replace(/:\\d+$/, ''))
      return worker.fetch(new Request(request, { headers }), env, context)
    },
  }
`

function configOf(folder: string, port: number, admin: string): string {
  const texts = readdirSync(folder).filter((name) => name.endsWith('.sql'))
  const modules = [
    ...['edge.js', 'index.js'].map((name) => `(name = "${name}", esModule = embed "${name}")`),
    ...texts.map((name) => `(name = "${name}", text = embed "${name}")`),
  ]
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "disk", disk = (path = "${newFolder()}", writable = true))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [${modules.join(', ')}],
  compatibilityDate = "2026-10-01",
  compatibilityFlags = ["no_web_socket_compression"],
  bindings = [
    (name = "FLEETS", durableObjectNamespace = "FleetObject"),
    (name = "CASARE_ADMIN_KEY", text = "${admin}")
  ],
  durableObjectNamespaces = [(className = "FleetObject", uniqueKey = "fleet", enableSql = true)],
  durableObjectStorage = (localDisk = "disk")
);
`
}
