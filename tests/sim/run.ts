import { MemoryDisk, memoryStore } from '../../adapters/store/memory.ts'
import { hashOf } from '../../adapters/secret.ts'
import { newEffects } from '../../core/effects.ts'
import type { JsonText, KeyId, Millis, RobotId, SecretHash, TriggerId, WorkflowId } from '../../core/ids.ts'
import { DEFAULTS, type Settings } from '../../core/limits.ts'
import { CAPABILITIES, Client, definition, ENVIRONMENTS, FLOWS, SECRET, TAGS } from './client.ts'
import type { Dice } from './dice.ts'
import { letStorm } from './faults.ts'
import { Hostile } from './hostile.ts'
import { COMMITTED } from './invariants.ts'
import { Ledger } from './ledger.ts'
import { Network } from './network.ts'
import { type Plant, SOUND } from './plant.ts'
import { type Shape, SimRobot } from './robot.ts'
import { Violation } from './rule.ts'
import { Server } from './server.ts'
import { Weather } from './weather.ts'
import { BEGINNING, clock, type Mark, timeless, World } from './world.ts'

const MINUTE: Millis = 60_000
const HOSTILE = 'mallory' as RobotId
const JOINER = 'joiner' as RobotId

/**
 * One seed from beginning to end. To read the simulator: `world` (time and chance), `weather` (what may go wrong),
 * `faults` (how), `network`, `server` and `commits` (the program under test, and how it dies), `robot` and `desk`,
 * `client` and `hostile` (the actors), `ledger` (what we know ourselves), `invariants`, `offers`, `cache` and `said`
 * (what must hold), `planted` (whether we would notice).
 */

/** What became of one seed. */
export interface Outcome {
  readonly seed: number
  /** Equal when the same things happened. */
  readonly hash: string
  readonly weather: string
  readonly marks: ReadonlyMap<Mark, number>
  readonly robotHours: number
  readonly happened: number
  readonly jobs: number
  readonly failure: Error | null
  /** What happened, if the run was traced. */
  readonly trace: readonly string[]
}

/** Runs one seed to its end: first safety while it storms, then liveness in the sun. */
export function simulate(seed: number, plant: Plant = SOUND, tracing = false): Promise<Outcome> {
  return timeless(async () => {
    const run = new Run(seed, plant, tracing)
    let failure: Error | null = null
    try {
      await run.storm()
      await run.calm()
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
    }
    return run.outcome(failure)
  })
}

class Run {
  readonly world: World
  readonly dice: Dice
  readonly weather: Weather
  readonly description: string
  readonly ledger: Ledger
  readonly network: Network
  readonly server: Server
  readonly client: Client
  readonly robots: readonly SimRobot[]
  readonly joiner: SimRobot
  readonly hostile: Hostile

  constructor(seed: number, plant: Plant, tracing: boolean) {
    const world = this.world = new World(seed, tracing)
    const dice = this.dice = world.dice('run')
    const weather = this.weather = new Weather(dice, plant.certain)
    this.description = weather.toString()
    const disk = new MemoryDisk()
    const ledger = this.ledger = new Ledger(disk)
    const network = this.network = new Network(world, weather)
    const ids = Array.from({ length: dice.whole(1, 5) }, (_, index) => `robot-${index + 1}` as RobotId)
    const keys = new Map([...ids, JOINER, HOSTILE].map((id) => [id, `crpa_${id}`]))
    found(disk, keys)
    const rules = [...COMMITTED, ...plant.rules]
    const died = (): void => network.serverDied()
    const server = this.server = new Server({
      world,
      weather,
      ledger,
      disk,
      rules,
      plant,
      died,
      settings: settingsOf(dice),
    })
    network.server = server
    const robot = (id: RobotId, shape: Shape): SimRobot => {
      const key = keys.get(id) ?? ''
      const kind = dice.chance(0.6) ? 'sdk' : 'python'
      if (kind === 'python') ledger.anonymous.add(id)
      return new SimRobot({ world, weather, ledger, network, id, kind, shape, key, credential: hashOf(key) })
    }
    this.robots = ids.map((id) => robot(id, shapeOf(dice)))
    this.joiner = robot(JOINER, EVERYTHING)
    this.client = new Client({ world, weather, ledger, server, robots: ids })
    const credential = hashOf(keys.get(HOSTILE) ?? '')
    this.hostile = new Hostile({ world, ledger, network, id: HOSTILE, credential, others: ids })
  }

  /** Everything may go wrong. What must never be is checked all the time. */
  async storm(): Promise<void> {
    const { world, client, hostile, network, robots, server, weather, dice } = this
    world.note(`weather: ${this.description}`)
    server.start()
    for (const robot of robots) world.after(dice.between(0, 10_000), () => robot.start())
    client.start()
    letStorm({ world, weather, network, server, client, hostile, robots, reshape: () => shapeOf(dice) })
    await world.run(BEGINNING + Math.round(dice.spread(10, 60) * MINUTE))
  }

  /** Nothing goes wrong any more. Whatever is still to be done must get done. */
  async calm(): Promise<void> {
    const { world, client, robots, server, weather, joiner, ledger } = this
    world.note('the weather clears')
    weather.clear()
    client.stop()
    for (const robot of robots) robot.heal(EVERYTHING)
    joiner.start()
    // A clock that was set back stands still until it has caught up with itself.
    const behind = Math.max(0, ledger.latest - (world.now + server.skew))
    const limit = world.now + behind + 90 * MINUTE + ledger.live.size * MINUTE
    await world.run(limit, () => ledger.live.size === 0)
    if (ledger.live.size > 0) throw new Violation('L1', `no convergence: ${this.#pending()}`)
    // What ended last may still have something to say.
    await world.run(world.now + 5 * MINUTE)
    const lost = [...ledger.acknowledged].filter((id) => ledger.disk.tables.jobs.get(id)?.completed_at == null)
    if (lost.length > 0) throw new Violation('I1', `${lost.join(', ')} were acknowledged and have not ended`)
    const held = server.state?.held.size ?? 0
    if (held > 0) throw new Violation('L2', `everything has ended and ${held} robots still hold slots`)
  }

  outcome(failure: Error | null): Outcome {
    const { world, ledger, robots } = this
    return {
      seed: world.seed,
      hash: world.hash,
      weather: this.description,
      marks: world.marks,
      robotHours: robots.length * (world.now - BEGINNING) / (60 * MINUTE),
      happened: world.happened,
      jobs: ledger.jobs.size,
      failure,
      trace: world.trace ?? [],
    }
  }

  #pending(): string {
    const { ledger, server } = this
    const sessions = [...server.state?.sessions.keys() ?? []].join(' ')
    const jobs = ledger.liveJobs().slice(0, 5).map((job) => {
      const until = job.ready_at ?? job.offer_until
      const since = until === null ? '' : ` until ${clock(until)}`
      return `${job.id} is ${job.status}${since}, attempt ${job.attempt}, ${job.robot_id}`
    })
    return `${ledger.live.size} jobs are pending: ${jobs.join('; ')}. Connected: ${sessions}`
  }
}

const EVERYTHING: Shape = {
  environment: 'default',
  slots: 4,
  tags: TAGS,
  capabilities: Object.fromEntries(CAPABILITIES.map((name) => [name, true])),
}

function shapeOf(dice: Dice): Shape {
  return {
    environment: dice.pick(['default', ...ENVIRONMENTS]),
    slots: dice.pick([0, 1, 1, 2, 3, 5]),
    tags: dice.some(TAGS, 0.5),
    capabilities: Object.fromEntries(CAPABILITIES.map((name) => [name, dice.chance(0.6)])),
  }
}

function settingsOf(dice: Dice): Settings {
  const queueTtlMs = dice.chance(0.3) ? dice.whole(2, 30) * MINUTE : DEFAULTS.queueTtlMs
  const agingMs = dice.pick([DEFAULTS.agingMs, MINUTE])
  return { ...DEFAULTS, queueTtlMs, agingMs, liveJobsMax: 1_000 }
}

/** What is on the disk before anything happens: keys, workflows and webhooks. */
function found(disk: MemoryDisk, keys: ReadonlyMap<RobotId, string>): void {
  const out = newEffects(1)
  const store = memoryStore(disk)
  void store.load()
  for (const [robot, key] of keys) {
    const id = `key-${robot}` as KeyId
    const secret: SecretHash = hashOf(key)
    const row = { id, name: robot, secret, scopes: ['robots:connect'], robot_id: robot } as const
    out.rows.keys.set(id, { ...row, created_at: BEGINNING, revoked_at: null })
  }
  for (const flow of FLOWS) {
    const id = flow as string as WorkflowId
    const { hash, json } = definition(flow)
    out.rows.definitions.set(hash, { hash, json })
    out.rows.versions.set(`${id} 1`, { workflow_id: id, version: 1, definition: hash, created_by: 'a', created_at: 0 })
    out.rows.workflows.set(id, {
      id,
      name: flow,
      description: '',
      tags: [],
      status: 'published',
      version: 1,
      definition: hash,
      published_version: 1,
      published_definition: hash,
      created_by: 'author',
      created_at: BEGINNING,
      updated_at: BEGINNING,
      execution_count: 0,
      success_count: 0,
      total_duration_ms: 0,
    })
    const hook = `hook-${flow}` as TriggerId
    out.rows.triggers.set(hook, {
      id: hook,
      name: hook,
      trigger_type: 'webhook',
      workflow_id: id,
      enabled: true,
      priority: 2,
      parameters: '{"own":1}' as JsonText,
      cooldown_ms: flow === 'flow-a' ? 0 : 20_000,
      secret: hashOf(SECRET),
      created_by: 'author',
      created_at: BEGINNING,
      last_fired_at: null,
      fire_count: 0,
    })
  }
  store.commit(out)
}
