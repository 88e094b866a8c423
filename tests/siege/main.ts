import { parseArgs } from 'node:util'
import { cleanUp } from '../process/program.ts'
import { Server } from '../wire/server.ts'
import { TARGETS } from '../wire/targets.ts'
import { FLOODS } from './floods.ts'
import { groundOf } from './ground.ts'
import { layTo, type Outcome, quantile } from './siege.ts'

/**
 * The siege: floods against an orchestrator, and how long other robots' heartbeats wait meanwhile.
 *
 *     npm run siege -- --target node            one that is started here: node, deno, workerd, or all of them
 *     npm run siege -- --url http://… --key …   one that runs already; --robots ws://… where robots connect elsewhere
 *     npm run siege -- frames silent            only these floods, each for --seconds (30)
 *
 * Ends with 1 where a flood makes one heartbeat of a hundred wait for more than a second, or memory grow by 50 MB.
 */

const P99_MS_MAX = 1_000
const GROWN_MB_MAX = 50
const WARM_MS = 5_000

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      target: { type: 'string' },
      url: { type: 'string' },
      robots: { type: 'string' },
      key: { type: 'string' },
      seconds: { type: 'string', default: '30' },
    },
  })
  const seconds = Number(values.seconds)
  if (!(seconds > 0)) throw new Error(`--seconds must be a number, not "${values.seconds}"`)
  const floods = positionals.length > 0 ? positionals : FLOODS.map(({ name }) => name)
  const unknown = floods.find((name) => !FLOODS.some((flood) => flood.name === name))
  if (unknown !== undefined) {
    throw new Error(`there is no flood "${unknown}"; there are ${FLOODS.map(({ name }) => name).join(', ')}`)
  }
  const { url, key } = values
  if (url !== undefined) {
    if (key === undefined) throw new Error('--url needs --key, an admin key')
    const http = url.replace(/\/$/, '')
    const robots = values.robots ?? `${http.replace(/^http/, 'ws')}/ws`
    await show(
      http,
      layTo({ ground: groundOf({ http, robots, admin: key }), floods, seconds, quietSeconds: 3, pid: undefined }),
    )
    return
  }
  const wanted = values.target === 'workerd' ? 'cloudflare' : values.target
  const targets = TARGETS.filter(({ name }) => wanted === undefined || name === wanted)
  if (targets.length === 0) throw new Error(`--target must be node, deno or workerd, not "${values.target}"`)
  for (const target of targets) {
    const server = new Server(target, {}, {})
    await server.start()
    await warmUp(server)
    await show(target.name, layTo({ ground: groundOf(server), floods, seconds, quietSeconds: 3, pid: server.pid }))
    await server.kill()
  }
}

/** What a server takes in memory to be at work at all is not what an attack makes it hold. */
async function warmUp(server: Server): Promise<void> {
  const end = performance.now() + WARM_MS
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (performance.now() < end) await server.text('/api/v1/robots')
  }))
}

async function show(name: string, outcomes: AsyncIterable<Outcome>): Promise<void> {
  console.log(`\n${name}`)
  for await (const { flood, tally, beats, grown } of outcomes) {
    const p99 = quantile(beats, 0.99)
    const bad = p99 > P99_MS_MAX || (grown ?? 0) > GROWN_MB_MAX || beats.length === 0
    if (bad) process.exitCode = 1
    const { sent, sockets, closed, most, answers, notes } = tally
    console.log(
      [
        `${bad ? 'FAILS' : 'holds'} ${flood.padEnd(9)}`,
        `beats ${beats.length}: p50 ${ms(quantile(beats, 0.5))} p99 ${ms(p99)} max ${ms(beats.at(-1) ?? 0)}`,
        `grown ${grown === null ? '?' : Math.round(grown)} MB`,
        `sent ${sent}`,
        `sockets ${sockets}, closed ${closed}, most ${most}`,
        JSON.stringify({ ...answers, ...notes }),
      ].join('; '),
    )
  }
}

const ms = (value: number): string => `${Math.round(value)} ms`

try {
  await main()
} finally {
  await cleanUp()
}
