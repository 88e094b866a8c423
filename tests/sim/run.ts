import { hashOf } from '../../adapters/crypto/secrets.ts'
import type { Millis, RobotId } from '../../core/base/ids.ts'
import { writeInitialRows } from './world/initial-rows.ts'
import { Client } from './actors/client.ts'
import type { Chance } from './world/chance.ts'
import { scheduleStrikes } from './world/strikes.ts'
import { Hostile } from './actors/hostile.ts'
import { checkAtEnd, COMMIT_RULES } from './rules/rules.ts'
import { TrueTime } from './truth/true-time.ts'
import { Truth } from './truth/truth.ts'
import { Network } from './world/network.ts'
import { type Mutant, ORIGINAL } from './mutants/mutant.ts'
import { ROBOT_MODELS, type Shape } from './actors/robot-models.ts'
import { Operators } from './actors/operators.ts'
import { Receivers } from './actors/receivers.ts'
import { Planner } from './actors/planner.ts'
import { Integrator } from './actors/integrator.ts'
import { Callers } from './actors/callers.ts'
import { SimRobot } from './actors/robot.ts'
import { everythingIsDone, schedulesCaughtUp } from './rules/final-rules.ts'
import { callersHaveTheirOutcome } from './rules/calls.ts'
import type { Rule } from './rules/rule.ts'
import { Server } from './world/server.ts'
import { watchDelays } from './rules/clock.ts'
import { MachineClock } from './world/machine-clock.ts'
import { type Fault, Faults } from './world/faults.ts'
import { BEGINNING, clock, timeless, World } from './world/world.ts'
import type { Mark } from './trace.ts'
import { MemoryDisk } from '../../adapters/store/memory-disk.ts'
import { Violation } from './violation.ts'
import { HOSTILE } from './world/givens.ts'
import { EVERYTHING, settingsOf, shapeOf } from './world/drawn.ts'

const MINUTE: Millis = 60_000
/** One run in so many freezes rows, which reveals code that changes one in place: such code does so in any run. */
const FROZEN_EVERY = 6
/** The same for code that leaves a wrong count or row in memory for a moment. */
const STRICT_EVERY = 20
const JOINER = 'joiner' as RobotId

/**
 * One seed from beginning to end. To read the simulator, room by room: `world/` is time, chance, faults, the network, and the
 * program under test with all that happens to its process and its commits; `actors/` act on it; `truth/` is what the
 * simulation knows without asking the program; `rules/` are what must hold; `mutants/` are bugs that the rules must find.
 * `violation` is a rule that did not hold, `trace` is what a run leaves behind, `shrink` makes a failing run smaller, and `main`
 * runs seeds from the command line.
 */

/** The outcome of one seed. */
export interface Outcome {
  readonly seed: number
  /** Equal when the same things happened. */
  readonly hash: string
  readonly faultRates: string
  readonly faultKinds: readonly Fault[]
  readonly marks: ReadonlyMap<Mark, number>
  readonly robotHours: number
  readonly happened: number
  readonly jobs: number
  /** The amounts of events, which show if a fast world is one in which nothing happens. */
  readonly load: Readonly<Record<string, number>>
  readonly failure: Error | null
  /** The recorded events, if the run was traced. */
  readonly trace: readonly string[]
}

/** A run made smaller, to show what matters of a failure: less of everything that a seed draws. */
export interface Scale {
  readonly without: readonly Fault[]
  /** The maximum number of robots. */
  readonly robots: number
  /** The share of the time with faults, from its beginning. */
  readonly faultTime: number
}
export const WHOLE: Scale = { without: [], robots: Infinity, faultTime: 1 }

/** Runs one seed to its end: first safety under faults, then liveness without them. */
export function simulate(seed: number, mutant: Mutant = ORIGINAL, tracing = false, scale = WHOLE): Promise<Outcome> {
  return timeless(async () => {
    const run = new Run(seed, mutant, tracing, scale)
    let failure: Error | null = null
    try {
      await run.runWithFaults()
      await run.runWithoutFaults()
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
    }
    return run.outcome(failure)
  })
}

/** By then there are schedules that triggers may be bound to. */
const FIRST_PLANS_MS: Millis = 70_000

/** Long enough for the server to be up again, and to decide what was missed. */
const CATCH_UP_MS: Millis = 3 * MINUTE

class Run {
  readonly world: World
  readonly chance: Chance
  readonly faults: Faults
  readonly faultRates: string
  readonly faultKinds: readonly Fault[]
  readonly truth: Truth
  readonly network: Network
  readonly server: Server
  readonly client: Client
  readonly receivers: Receivers
  readonly operators: Operators
  readonly planner: Planner
  readonly integrator: Integrator
  readonly callers: Callers
  readonly robots: readonly SimRobot[]
  readonly joiner: SimRobot
  readonly hostile: Hostile
  readonly scale: Scale
  readonly rules: readonly Rule[]
  readonly strikes = { count: 0 }
  /** From here on there is one robot more. */
  clearedAt: Millis = Infinity

  constructor(seed: number, mutant: Mutant, tracing: boolean, scale: Scale) {
    this.scale = scale
    const world = this.world = new World(seed, tracing)
    const chance = this.chance = world.chance('run')
    const faults = this.faults = new Faults(chance, world.chance('faults apart'), mutant.certain, scale.without)
    this.faultRates = faults.toString()
    this.faultKinds = faults.active
    const disk = new MemoryDisk(seed % FROZEN_EVERY === 0)
    const time = new TrueTime(new MachineClock(world))
    // A process that hibernates has a store whose commits do not overlap.
    const overlaps = faults.rates('overlappingCommits') > 0 && faults.rates('hibernate') === 0
    const commitsMax = overlaps ? world.chance('commits at once').whole(2, 8) : 1
    const settings = settingsOf(world.chance('settings'))
    const truth = this.truth = new Truth(disk, settings, seed % STRICT_EVERY === 0, time, commitsMax)
    const network = this.network = new Network(world, faults)
    const ids = Array.from(
      { length: Math.min(chance.whole(1, 5), scale.robots) },
      (_, index) => `robot-${index + 1}` as RobotId,
    )
    const keys = new Map([...ids, JOINER, HOSTILE].map((id) => [id, `crpa_${id}`]))
    const receivers = this.receivers = new Receivers({ world, truth, mutant })
    writeInitialRows(disk, keys, receivers.initialRows())
    truth.webhooks.load(disk.tables)
    truth.chains.load(disk.tables)
    const rules = this.rules = [...COMMIT_RULES, ...mutant.rules]
    const died = (): void => network.serverDied()
    const server = this.server = new Server({
      world,
      faults,
      truth,
      disk,
      rules,
      mutant,
      receivers,
      died,
      settings: truth.settings,
    })
    network.server = server
    receivers.server = server
    const callers = this.callers = new Callers({ world, faults, truth, server })
    const robot = (id: RobotId, shape: Shape): SimRobot => {
      const key = keys.get(id) ?? ''
      const model = id === JOINER ? 'sdk' : chance.pick(ROBOT_MODELS)
      const fits = model === 'ws' ? { ...shape, tags: [] } : shape
      return new SimRobot({ world, faults, truth, network, callers, id, model, shape: fits, key })
    }
    this.robots = ids.map((id) => robot(id, shapeOf(chance)))
    this.joiner = robot(JOINER, EVERYTHING)
    this.operators = new Operators({ world, truth, server, robots: this.robots })
    this.planner = new Planner({ world, truth, server, robots: ids })
    this.integrator = new Integrator({ world, truth, server })
    this.client = new Client({ world, faults, truth, server, robots: ids })
    const credential = hashOf(keys.get(HOSTILE) ?? '')
    this.hostile = new Hostile({ world, truth, network, id: HOSTILE, credential, others: ids })
  }

  /** Everything may go wrong. What must never be is checked all the time. */
  async runWithFaults(): Promise<void> {
    const { world, truth, client, operators, planner, hostile, network, robots, server, faults, chance, scale } = this
    const { integrator, callers } = this
    world.note(`faults: ${this.faultRates}`)
    server.start()
    watchDelays(world, truth, server)
    for (const robot of robots) world.after(chance.between(0, 10_000), () => robot.start())
    client.start()
    this.receivers.start()
    if (faults.rates('scheduling') > 0) world.after(chance.between(0, 60_000), () => planner.start())
    if (faults.rates('chaining') > 0) world.after(FIRST_PLANS_MS, () => integrator.start())
    scheduleStrikes(this.strikes, {
      world,
      faults,
      network,
      server,
      client,
      operators,
      planner,
      integrator,
      callers,
      hostile,
      robots,
      reshape: () => shapeOf(chance),
    })
    await world.run(BEGINNING + Math.round(chance.spread(10, 60) * scale.faultTime * MINUTE))
  }

  /** Runs without faults until all pending work is done. */
  async runWithoutFaults(): Promise<void> {
    const { world, client, operators, planner, robots, server, faults, joiner, truth, network } = this
    world.note('faults are over')
    this.clearedAt = world.now
    faults.clear()
    client.stop()
    for (const robot of robots) robot.heal(EVERYTHING)
    operators.restore()
    this.receivers.heal()
    joiner.start()
    server.machine.drift(0)
    await world.run(world.now + server.stallsFor + CATCH_UP_MS)
    schedulesCaughtUp(truth)
    planner.pauseAll()
    this.integrator.disableAll()
    operators.cancelFarOff()
    const limit = world.now + 90 * MINUTE + truth.live.size * 2 * MINUTE
    await world.run(limit, () => truth.live.size + truth.webhooks.pending.size === 0)
    if (truth.live.size > 0) throw new Violation('L1', `no convergence: ${this.#pending()}`)
    // The last jobs may still cause messages, a robot that was sent away returns, and some nights have nothing but
    // heartbeats.
    await world.run(world.now + this.chance.pick([20, 20, 240]) * MINUTE)
    const lost = [...truth.acknowledged].filter((id) => truth.disk.tables.jobs.get(id)?.completed_at == null)
    if (lost.length > 0) throw new Violation('I1', `${lost.join(', ')} were acknowledged and have not ended`)
    if (server.waiting > 0) throw new Violation('L1', `${server.waiting} requests were never answered`)
    callersHaveTheirOutcome(truth)
    everythingIsDone(truth, server.state, [...robots, joiner])
    checkAtEnd(truth, server.state, this.rules)
    for (const { id } of server.state?.sockets.values() ?? []) {
      const line = [...network.connections].find((connection) => connection.id === id)
      const whole = line?.openAtRobot === true && line.openAtServer
      if (!whole && truth.owners.get(id) !== HOSTILE) throw new Violation('L3', `${id} is open at one end only`)
    }
  }

  outcome(failure: Error | null): Outcome {
    const { world, truth, robots } = this
    return {
      seed: world.seed,
      hash: world.hash,
      faultRates: this.faultRates,
      faultKinds: this.faultKinds,
      marks: world.marks,
      robotHours: (robots.length * (world.now - BEGINNING) + Math.max(0, world.now - this.clearedAt)) / (60 * MINUTE),
      happened: world.happened,
      jobs: truth.jobs.size,
      load: {
        events: truth.events,
        commits: truth.checked,
        jobs: truth.jobs.size,
        offers: truth.assignedTo.size,
        faults: this.strikes.count,
        'due instants': truth.disk.tables.schedule_runs.size,
        'jobs that came of others': truth.chains.roots.size,
        'webhook calls': [...truth.webhooks.calls.values()].reduce((sum, calls) => sum + calls, 0),
      },
      failure,
      trace: world.trace ?? [],
    }
  }

  #pending(): string {
    const { truth, server } = this
    const sessions = [...server.state?.sessions.keys() ?? []].join(' ')
    const jobs = truth.liveJobs().slice(0, 5).map((job) => {
      const until = job.ready_at ?? job.offer_until
      const since = until === null ? '' : ` until ${clock(until)}`
      return `${job.id} is ${job.status}${since}, offer ${job.offer}, ${job.robot_id}`
    })
    return `${truth.live.size} jobs are pending: ${jobs.join('; ')}. Connected: ${sessions}`
  }
}
