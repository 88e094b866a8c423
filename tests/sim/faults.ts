import type { Client } from './client.ts'
import type { Dice } from './dice.ts'
import type { Hostile } from './hostile.ts'
import type { Connection, Network } from './network.ts'
import type { People } from './people.ts'
import type { Planner } from './planner.ts'
import type { Shape } from './kind.ts'
import type { SimRobot } from './robot.ts'
import type { Server } from './server.ts'
import type { Fault, Weather } from './weather.ts'
import type { World } from './world.ts'

/** Everybody whom a fault may strike. */
export interface Cast {
  readonly world: World
  readonly weather: Weather
  readonly network: Network
  readonly server: Server
  readonly client: Client
  readonly people: People
  readonly planner: Planner
  readonly hostile: Hostile
  readonly robots: readonly SimRobot[]
  /** What a robot may come back as. */
  readonly reshape: () => Shape
}

type Strike = (cast: Cast, dice: Dice) => void

const anyConnection = (strike: (network: Network, connection: Connection) => void): Strike => ({ network }, dice) => {
  const connection = dice.pick([...network.connections].filter((open) => open.robotHolds && open.serverHolds))
  if (connection !== undefined) strike(network, connection)
}

const anyRobot = (strike: (robot: SimRobot, cast: Cast, dice: Dice) => void): Strike => (cast, dice) => {
  const robot = dice.pick(cast.robots)
  if (robot !== undefined) strike(robot, cast, dice)
}

/** The faults that strike now and then, whatever is going on. The others befall single messages, commits and jobs. */
const STRIKES: { readonly [F in Fault]?: Strike } = {
  cut: anyConnection((network, connection) => network.cut(connection)),
  halfOpen: anyConnection((network, connection) => network.halfOpen(connection)),
  blackHole: anyConnection((network, connection) => network.blackHole(connection)),
  clog: ({ network }) => network.clog(),
  overlap: anyConnection((network, connection) => network.overlap(connection)),
  crash: ({ server }) => server.kill('at random'),
  hibernate: ({ server }) => server.hibernate(),
  stall: ({ server }, dice) => server.stall(dice.spread(1_000, 600_000)),
  clockJump: ({ server }) => server.setClock(),
  clockDrift: ({ server }, dice) => server.machine.drift(dice.spread(0.0001, 0.03) * (dice.chance(0.5) ? 1 : -1)),
  robotCrash: anyRobot((robot, { reshape, weather }, dice) =>
    robot.crash(dice.chance(weather.often('robotChange')) ? reshape() : null)
  ),
  robotPause: anyRobot((robot, _, dice) => robot.pause(dice.spread(1_000, 600_000))),
  robotRests: anyRobot((robot, { world }, dice) => {
    robot.restsUntil = world.now + dice.spread(30_000, 600_000)
  }),
  hostile: ({ hostile }) => hostile.strike(),
  burst: ({ client }) => client.burst(),
  cancel: ({ people }) => people.cancel(),
  cancelStorm: ({ people }) => people.cancelStorm(),
  retry: ({ people }) => people.retry(),
  control: ({ people }) => people.control(),
  statusRequest: ({ people }) => people.askStatus(),
  limitChange: ({ people }) => people.changeLimit(),
  keyRevoked: ({ people }) => people.revokeKey(),
  scheduling: ({ planner }) => planner.act(),
}

/** Lets the weather do its work, until it has cleared, and counts how often it has struck. */
export function letStorm(struck: { count: number }, cast: Cast): void {
  const { weather, world } = cast
  for (const [fault, strike] of Object.entries(STRIKES) as [Fault, Strike][]) {
    const dice = world.dice(`fault ${fault}`)
    const perHour = weather.often(fault)
    const next = (): void => {
      world.after(dice.wait(3_600_000 / perHour), () => {
        if (weather.often(fault) === 0) return
        world.note(`fault: ${fault}`)
        struck.count++
        strike(cast, dice)
        next()
      })
    }
    if (perHour > 0) next()
  }
}
