import type { Callers } from '../actors/callers.ts'
import type { Client } from '../actors/client.ts'
import type { Chance } from './chance.ts'
import type { Hostile } from '../actors/hostile.ts'
import type { Connection, Network } from './network.ts'
import type { Integrator } from '../actors/integrator.ts'
import type { Operators } from '../actors/operators.ts'
import type { Planner } from '../actors/planner.ts'
import type { Shape } from '../actors/robot-models.ts'
import type { SimRobot } from '../actors/robot.ts'
import type { Server } from './server.ts'
import type { Fault, Faults } from './faults.ts'
import type { World } from './world.ts'

/** Everybody whom a fault may strike. */
export interface StrikeTargets {
  readonly world: World
  readonly faults: Faults
  readonly network: Network
  readonly server: Server
  readonly client: Client
  readonly operators: Operators
  readonly planner: Planner
  readonly integrator: Integrator
  readonly callers: Callers
  readonly hostile: Hostile
  readonly robots: readonly SimRobot[]
  /** The shape with which a robot may return. */
  readonly reshape: () => Shape
}

type Strike = (targets: StrikeTargets, chance: Chance) => void

const anyConnection = (strike: (network: Network, connection: Connection) => void): Strike => ({ network }, chance) => {
  const connection = chance.pick([...network.connections].filter((open) => open.openAtRobot && open.openAtServer))
  if (connection !== undefined) strike(network, connection)
}

const anyRobot =
  (strike: (robot: SimRobot, targets: StrikeTargets, chance: Chance) => void): Strike => (cast, chance) => {
    const robot = chance.pick(cast.robots)
    if (robot !== undefined) strike(robot, cast, chance)
  }

/** The faults that strike at random times. The others concern single messages, commits and jobs. */
const STRIKES: { readonly [F in Fault]?: Strike } = {
  cut: anyConnection((network, connection) => network.cut(connection)),
  halfOpen: anyConnection((network, connection) => network.halfOpen(connection)),
  blackHole: anyConnection((network, connection) => network.blackHole(connection)),
  clog: ({ network }) => network.clog(),
  overlap: anyConnection((network, connection) => network.overlap(connection)),
  crash: ({ server }) => server.kill('at random'),
  hibernate: ({ server }) => server.hibernate(),
  stall: ({ server }, chance) => server.stall(chance.spread(1_000, 600_000)),
  clockJump: ({ server }) => server.setClock(),
  clockDrift: ({ server }, chance) =>
    server.machine.drift(chance.spread(0.0001, 0.03) * (chance.happens(0.5) ? 1 : -1)),
  robotCrash: anyRobot((robot, { reshape, faults }, chance) =>
    robot.crash(chance.happens(faults.rates('robotChange')) ? reshape() : null)
  ),
  robotPause: anyRobot((robot, _, chance) => robot.pause(chance.spread(1_000, 600_000))),
  robotRests: anyRobot((robot, { world }, chance) => {
    robot.pausedUntil = world.now + chance.spread(30_000, 600_000)
  }),
  hostile: ({ hostile }) => hostile.strike(),
  burst: ({ client }) => client.burst(),
  batches: ({ client }, chance) => client.batch(chance),
  cancel: ({ operators }) => operators.cancel(),
  cancelStorm: ({ operators }) => operators.cancelStorm(),
  retry: ({ operators }) => operators.retry(),
  control: ({ operators }) => operators.control(),
  statusRequest: ({ operators }) => operators.requestStatus(),
  limitChange: ({ operators }) => operators.changeLimit(),
  keyRevoked: ({ operators }) => operators.revokeKey(),
  scheduling: ({ planner }) => planner.act(),
  chaining: ({ integrator, callers }, chance) => chance.happens(0.4) ? callers.callByHand() : integrator.act(),
}

/** Lets faults strike until they are cleared, and counts them. */
export function scheduleStrikes(strikes: { count: number }, targets: StrikeTargets): void {
  const { faults, world } = targets
  for (const [fault, strike] of Object.entries(STRIKES) as [Fault, Strike][]) {
    const chance = world.chance(`fault ${fault}`)
    const perHour = faults.rates(fault)
    const next = (): void => {
      world.after(chance.wait(3_600_000 / perHour), () => {
        if (faults.rates(fault) === 0) return
        world.note(`fault: ${fault}`)
        strikes.count++
        strike(targets, chance)
        next()
      })
    }
    if (perHour > 0) next()
  }
}
