import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { cleanUp } from '../process/program.ts'
import { Wire } from '../wire/wire.ts'
import { type Besieged, type RuntimeName, START } from './besieged.ts'
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
const WARM_MS = 10_000
const WARM_LANES = 8
/** Fewer than a robot may send at once. */
const WARM_BEATS = 10
const WARM_PAUSE_MS = 1_000
/** A frame that is long, as results and logs may be. */
const WARM_CHARS = 400_000

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
      layTo({ ground: groundOf({ http, robots, admin: key }), floods, seconds, quietSeconds: 3, server: undefined }),
    )
    return
  }
  const runtimes = Object.keys(START) as RuntimeName[]
  const targets = runtimes.filter((name) => values.target === undefined || name === values.target)
  if (targets.length === 0) throw new Error(`--target must be ${runtimes.join(', ')}, not "${values.target}"`)
  for (const target of targets) {
    const server = await START[target]()
    await warmUp(server)
    await show(target, layTo({ ground: groundOf(server), floods, seconds, quietSeconds: 3, server }))
    await server.kill()
  }
}

/**
 * Warms a server up, since the memory that it needs for any work must not count as an attack's: requests that read, and
 * robots that connect and disconnect.
 */
async function warmUp({ http, robots, admin }: Besieged): Promise<void> {
  const end = performance.now() + WARM_MS
  const headers = { Authorization: `Bearer ${admin}` }
  await Promise.all(Array.from({ length: WARM_LANES }, async (_, i) => {
    for (let round = 0; performance.now() < end; round++) {
      // Another one each time, so that none comes near the limits of a robot.
      const id = `early-${i}-${round}`
      await (await fetch(`${http}/api/v1/robots`, { headers })).text()
      const wire = await Wire.register(robots, admin, { robot_id: id, capabilities: { workflows: ['none'] } })
      for (let beat = 0; beat < WARM_BEATS; beat++) {
        wire.send('heartbeat', { robot_id: id, ...(beat === 0 ? { unknown: 'x'.repeat(WARM_CHARS) } : {}) })
        await wire.next('heartbeat_ack')
      }
      await wire.close()
      await pause(WARM_PAUSE_MS)
    }
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
