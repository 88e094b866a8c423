import { hashOf } from '../../adapters/secret.ts'
import { MemoryDisk } from '../../adapters/store/memory.ts'
import type { Millis, RobotId } from '../../core/ids.ts'
import { DEFAULTS, type Settings, STRATEGIES, UNLIMITED } from '../../core/limits.ts'
import { found } from './beginning.ts'
import { CAPABILITIES, Client, ENVIRONMENTS, TAGS } from './client.ts'
import type { Dice } from './dice.ts'
import { letStorm } from './faults.ts'
import { HOSTILE, Hostile } from './hostile.ts'
import { checkAtEnd, COMMITTED } from './judge.ts'
import { Elapsed } from './elapsed.ts'
import { Ledger } from './ledger.ts'
import { Network } from './network.ts'
import { type Plant, SOUND } from './plant.ts'
import { KINDS, type Shape } from './kind.ts'
import { People } from './people.ts'
import { Receivers } from './receivers.ts'
import { Planner } from './planner.ts'
import { SimRobot } from './robot.ts'
import { atRest, caughtUp } from './rest.ts'
import { type Rule, Violation } from './rule.ts'
import { Server } from './server.ts'
import { watch } from './waits.ts'
import { Wall } from './wall.ts'
import { type Fault, Weather } from './weather.ts'
import { BEGINNING, clock, type Mark, timeless, World } from './world.ts'

const MINUTE: Millis = 60_000
/** In one run of so many whoever changes a row in place is found out: what does it does so in any of them. */
const FROZEN_EVERY = 6
/** Likewise of whoever leaves a wrong count or row in memory for a moment. */
const STRICT_EVERY = 20
const JOINER = 'joiner' as RobotId

/**
 * One seed from beginning to end. To read the simulator: `world` (time and chance), `weather` (what may go wrong),
 * `faults` (how), `beginning` (what is on the disk), `network`, `server` with its `lines`, `sockets` and `machine`, which has the
 * `wall` and the `alarm`, and `commits` (the program under test, and how it dies), `kind`, `process`, `robot` and `desk`, `client`, `people`, `planner`, `receivers`
 * and `hostile` (the actors), `ledger`, `elapsed` and `told` (what we know ourselves), `judge`, `invariants`, `outbox`, `offers`, `gates`,
 * `order`, `timetable` with `due`, `waits`, `bounds`, `cache` and `said` (what must hold), `planted` with its mutations (whether we
 * would notice), `shrink` and `main` (what people use).
 */

/** What became of one seed. */
export interface Outcome {
  readonly seed: number
  /** Equal when the same things happened. */
  readonly hash: string
  readonly weather: string
  readonly faults: readonly Fault[]
  readonly marks: ReadonlyMap<Mark, number>
  readonly robotHours: number
  readonly happened: number
  readonly jobs: number
  /** How much there was of what, so that nobody takes a world in which nothing happens for a fast one. */
  readonly load: Readonly<Record<string, number>>
  readonly failure: Error | null
  /** What happened, if the run was traced. */
  readonly trace: readonly string[]
}

/** A run made smaller, to show what matters of a failure: less of everything that a seed draws. */
export interface Scale {
  readonly without: readonly Fault[]
  /** At most so many robots. */
  readonly robots: number
  /** How much of the storm, from its beginning. */
  readonly storm: number
}
export const WHOLE: Scale = { without: [], robots: Infinity, storm: 1 }

/** Runs one seed to its end: first safety while it storms, then liveness in the sun. */
export function simulate(seed: number, plant: Plant = SOUND, tracing = false, scale = WHOLE): Promise<Outcome> {
  return timeless(async () => {
    const run = new Run(seed, plant, tracing, scale)
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

/** Long enough for the server to be up again, and to decide what was missed. */
const CATCH_UP_MS: Millis = 3 * MINUTE

class Run {
  readonly world: World
  readonly dice: Dice
  readonly weather: Weather
  readonly description: string
  readonly faults: readonly Fault[]
  readonly ledger: Ledger
  readonly network: Network
  readonly server: Server
  readonly client: Client
  readonly receivers: Receivers
  readonly people: People
  readonly planner: Planner
  readonly robots: readonly SimRobot[]
  readonly joiner: SimRobot
  readonly hostile: Hostile
  readonly scale: Scale
  readonly rules: readonly Rule[]
  readonly struck = { count: 0 }
  /** From here on there is one robot more. */
  clearedAt: Millis = Infinity

  constructor(seed: number, plant: Plant, tracing: boolean, scale: Scale) {
    this.scale = scale
    const world = this.world = new World(seed, tracing)
    const dice = this.dice = world.dice('run')
    const weather = this.weather = new Weather(dice, plant.certain, scale.without)
    this.description = weather.toString()
    this.faults = weather.kinds
    const disk = new MemoryDisk(seed % FROZEN_EVERY === 0)
    const time = new Elapsed(new Wall(world))
    const ledger = this.ledger = new Ledger(disk, settingsOf(world.dice('settings')), seed % STRICT_EVERY === 0, time)
    const network = this.network = new Network(world, weather)
    const ids = Array.from(
      { length: Math.min(dice.whole(1, 5), scale.robots) },
      (_, index) => `robot-${index + 1}` as RobotId,
    )
    const keys = new Map([...ids, JOINER, HOSTILE].map((id) => [id, `crpa_${id}`]))
    const receivers = this.receivers = new Receivers({ world, ledger, plant })
    found(disk, keys, receivers.found())
    ledger.hooks.found(disk.tables)
    const rules = this.rules = [...COMMITTED, ...plant.rules]
    const died = (): void => network.serverDied()
    const server = this.server = new Server({
      world,
      weather,
      ledger,
      disk,
      rules,
      plant,
      receivers,
      died,
      settings: ledger.settings,
    })
    network.server = server
    receivers.server = server
    const robot = (id: RobotId, shape: Shape): SimRobot => {
      const key = keys.get(id) ?? ''
      const kind = id === JOINER ? 'sdk' : dice.pick(KINDS)
      const fits = kind === 'ws' ? { ...shape, tags: [] } : shape
      return new SimRobot({ world, weather, ledger, network, id, kind, shape: fits, key })
    }
    this.robots = ids.map((id) => robot(id, shapeOf(dice)))
    this.joiner = robot(JOINER, EVERYTHING)
    this.people = new People({ world, ledger, server, robots: this.robots })
    this.planner = new Planner({ world, ledger, server, robots: ids })
    this.client = new Client({ world, weather, ledger, server, robots: ids })
    const credential = hashOf(keys.get(HOSTILE) ?? '')
    this.hostile = new Hostile({ world, ledger, network, id: HOSTILE, credential, others: ids })
  }

  /** Everything may go wrong. What must never be is checked all the time. */
  async storm(): Promise<void> {
    const { world, ledger, client, people, planner, hostile, network, robots, server, weather, dice, scale } = this
    world.note(`weather: ${this.description}`)
    server.start()
    watch(world, ledger, server)
    for (const robot of robots) world.after(dice.between(0, 10_000), () => robot.start())
    client.start()
    this.receivers.start()
    if (weather.often('scheduling') > 0) world.after(dice.between(0, 60_000), () => planner.start())
    letStorm(this.struck, {
      world,
      weather,
      network,
      server,
      client,
      people,
      planner,
      hostile,
      robots,
      reshape: () => shapeOf(dice),
    })
    await world.run(BEGINNING + Math.round(dice.spread(10, 60) * scale.storm * MINUTE))
  }

  /** Nothing goes wrong any more. Whatever is still to be done must get done. */
  async calm(): Promise<void> {
    const { world, client, people, planner, robots, server, weather, joiner, ledger, network } = this
    world.note('the weather clears')
    this.clearedAt = world.now
    weather.clear()
    client.stop()
    for (const robot of robots) robot.heal(EVERYTHING)
    people.relent()
    this.receivers.heal()
    joiner.start()
    server.machine.drift(0)
    await world.run(world.now + server.stallsFor + CATCH_UP_MS)
    caughtUp(ledger)
    planner.pauseAll()
    people.callOffFar()
    const limit = world.now + 90 * MINUTE + ledger.live.size * 2 * MINUTE
    await world.run(limit, () => ledger.live.size + ledger.hooks.pending.size === 0)
    if (ledger.live.size > 0) throw new Violation('L1', `no convergence: ${this.#pending()}`)
    // What ended last may still have something to say, a robot that was sent away comes back, and there are nights in
    // which nothing happens but heartbeats.
    await world.run(world.now + this.dice.pick([20, 20, 240]) * MINUTE)
    const lost = [...ledger.acknowledged].filter((id) => ledger.disk.tables.jobs.get(id)?.completed_at == null)
    if (lost.length > 0) throw new Violation('I1', `${lost.join(', ')} were acknowledged and have not ended`)
    if (server.waiting > 0) throw new Violation('L1', `${server.waiting} requests were never answered`)
    atRest(ledger, server.state, [...robots, joiner])
    checkAtEnd(ledger, server.state, this.rules)
    for (const { id } of server.state?.sockets.values() ?? []) {
      const line = [...network.connections].find((connection) => connection.id === id)
      const whole = line?.robotHolds === true && line.serverHolds
      if (!whole && ledger.owners.get(id) !== HOSTILE) throw new Violation('L3', `${id} is open at one end only`)
    }
  }

  outcome(failure: Error | null): Outcome {
    const { world, ledger, robots } = this
    return {
      seed: world.seed,
      hash: world.hash,
      weather: this.description,
      faults: this.faults,
      marks: world.marks,
      robotHours: (robots.length * (world.now - BEGINNING) + Math.max(0, world.now - this.clearedAt)) / (60 * MINUTE),
      happened: world.happened,
      jobs: ledger.jobs.size,
      load: {
        events: ledger.events,
        commits: ledger.judged,
        jobs: ledger.jobs.size,
        attempts: ledger.given.size,
        faults: this.struck.count,
        'due instants': ledger.disk.tables.occurrences.size,
        'webhook calls': [...ledger.hooks.calls.values()].reduce((sum, calls) => sum + calls, 0),
      },
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
  const horizonMs = dice.pick([DEFAULTS.horizonMs, 5 * MINUTE, MINUTE])
  return {
    ...DEFAULTS,
    ...UNLIMITED,
    queueTtlMs: dice.chance(0.3) ? dice.whole(2, 30) * MINUTE : DEFAULTS.queueTtlMs,
    agingMs: dice.pick([DEFAULTS.agingMs, MINUTE]),
    strategy: dice.pick(['least_loaded', ...STRATEGIES]),
    lostTriesMax: dice.pick([DEFAULTS.lostTriesMax, 2]),
    horizonMs,
    // What backs off stays in memory: so do these settings have to be.
    backoffMsMax: Math.min(DEFAULTS.backoffMsMax, horizonMs / 2),
    idempotencyMs: dice.pick([DEFAULTS.idempotencyMs, 30 * MINUTE]),
    deliveryBackoffMs: [5_000, 30_000, 2 * MINUTE, 5 * MINUTE],
    webhookFailingMs: dice.pick([DEFAULTS.webhookFailingMs, 10 * MINUTE]),
    submissionsMax: dice.pick([0, 0, 5, 50]),
    webhookCallsMax: dice.pick([0, 2, 10]),
    webhookCallsMs: dice.pick([1, 10]) * MINUTE,
    robotMessagesMax: dice.pick([0, 8, 100]),
  }
}
