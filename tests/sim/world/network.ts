import type { Millis, RobotId, SecretHash, SocketId } from '../../../core/base/ids.ts'
import type { AgendaEntry } from './agenda.ts'
import { malform } from './malformed.ts'
import type { Chance } from './chance.ts'
import type { Faults } from './faults.ts'
import type { World } from './world.ts'

/** The robot's end of a connection. `closed` is called once, and last. */
export interface RobotEnd {
  opened(): void
  received(text: string): void
  closed(code: number): void
}

/** The server's end of its connections. */
export interface ServerEnd {
  /** False when nobody listens: the connection is refused. */
  opened(connection: Connection): boolean
  received(socket: SocketId, text: string): void
  closed(socket: SocketId): void
}

/** The time for a closing handshake, after which the server's end is gone. */
const CLOSE_MS = 30_000
const ABNORMAL = 1006

/** One direction of a connection: in order, nothing doubled, and what is lost is always the last part. */
class Pipe {
  readonly #world: World
  readonly #latency: () => Millis
  readonly #queue: { readonly at: Millis; readonly run: () => void }[] = []
  #entry: AgendaEntry | null = null
  #last = 0
  #heldUntil = 0
  #broken = false

  constructor(world: World, latency: () => Millis) {
    this.#world = world
    this.#latency = latency
  }

  send(run: () => void): void {
    if (this.#broken) return
    this.#last = Math.max(this.#last, this.#world.now + this.#latency())
    this.#queue.push({ at: this.#last, run })
    if (this.#queue.length === 1) this.#arm()
  }

  /** Nothing comes out for a while. Then everything does, in order. */
  hold(ms: Millis): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#world.now + ms)
    this.#arm()
  }

  /** Loses everything that is under way, and everything sent from now on. */
  break(): void {
    this.#broken = true
    this.#queue.length = 0
    this.#arm()
  }

  #arm(): void {
    this.#world.cancel(this.#entry)
    const head = this.#queue[0]
    this.#entry = head === undefined
      ? null
      : this.#world.after(Math.max(head.at, this.#heldUntil) - this.#world.now, () => this.#out())
  }

  #out(): void {
    const head = this.#queue.shift()
    this.#entry = null
    head?.run()
    if (this.#entry === null) this.#arm()
  }
}

/** One WebSocket, seen from outside: what each end believes of it, and what is under way between them. */
export class Connection {
  readonly id: SocketId
  /** The robot that really is at the other end, whatever its messages claim. */
  readonly robot: RobotId
  readonly credential: SecretHash | null
  readonly up: Pipe
  readonly down: Pipe
  readonly #world: World
  readonly #server: ServerEnd
  readonly #end: RobotEnd
  readonly #written: (text: string) => string
  /** The robot still takes it for open; the server does. */
  openAtRobot = true
  openAtServer = false
  /** The snapshot stored with the server's end, for hibernation. */
  attachment: string | null = null

  constructor(
    world: World,
    server: ServerEnd,
    end: RobotEnd,
    from: { readonly id: SocketId; readonly robot: RobotId; readonly credential: SecretHash | null },
    latency: { readonly up: () => Millis; readonly down: () => Millis },
    written: (text: string) => string,
  ) {
    this.id = from.id
    this.robot = from.robot
    this.credential = from.credential
    this.#world = world
    this.#server = server
    this.#end = end
    this.#written = written
    this.up = new Pipe(world, latency.up)
    this.down = new Pipe(world, latency.down)
  }

  open(): void {
    this.up.send(() => {
      this.openAtServer = this.#server.opened(this)
      if (!this.openAtServer) return this.robotNotices(ABNORMAL)
      this.down.send(() => {
        if (this.openAtRobot) this.#end.opened()
      })
    })
  }

  /** The robot says something. */
  sendToServer(text: string): void {
    const written = this.#written(text)
    this.up.send(() => {
      if (this.openAtServer) this.#server.received(this.id, written)
    })
  }

  /** The server says something. */
  sendToRobot(text: string): void {
    this.down.send(() => {
      if (this.openAtRobot) this.#end.received(text)
    })
  }

  /**
   * The server closes, after its earlier messages. Its own end is gone once the robot has answered, or after a while.
   */
  closeByServer(code: number): void {
    this.down.send(() => {
      this.up.send(() => this.serverNotices())
      this.robotNotices(code)
    })
    this.#world.after(CLOSE_MS, () => this.serverNotices())
  }

  /** The robot closes, after its earlier messages. */
  closeByRobot(): void {
    this.openAtRobot = false
    this.up.send(() => this.serverNotices())
  }

  robotNotices(code = ABNORMAL): void {
    if (!this.openAtRobot) return
    this.openAtRobot = false
    this.#end.closed(code)
  }

  serverNotices(): void {
    if (!this.openAtServer) return
    this.openAtServer = false
    this.#server.closed(this.id)
  }
}

/** All connections, and the ways in which they fail. */
export class Network {
  readonly connections = new Set<Connection>()
  readonly #world: World
  readonly #faults: Faults
  readonly #chance: Chance
  /** Decides what robots write wrong, and how often in this run: apart from the other faults, so that seeds stay what they were. */
  readonly #pen: Chance
  readonly #malformedRate: number
  server: ServerEnd | null = null
  #made = 0

  constructor(world: World, faults: Faults) {
    this.#world = world
    this.#faults = faults
    this.#chance = world.chance('network')
    this.#pen = world.chance('pen')
    this.#malformedRate = this.#pen.happens(0.5) ? this.#pen.spread(0.02, 0.3) : 0
  }

  connect(robot: RobotId, credential: SecretHash | null, end: RobotEnd): Connection | null {
    if (this.server === null) return null
    for (const old of this.connections) if (!old.openAtRobot && !old.openAtServer) this.connections.delete(old)
    const id = `socket-${++this.#made}` as SocketId
    const latency = { up: this.#latency(), down: this.#latency() }
    const connection = new Connection(this.#world, this.server, end, { id, robot, credential }, latency, this.#written)
    this.connections.add(connection)
    connection.open()
    return connection
  }

  /** N1: broken, and both ends notice soon. */
  cut(connection: Connection): void {
    this.#break(connection)
    this.#robotNotices(connection, 2_000)
    this.#world.after(this.#chance.between(0, 2_000), () => connection.serverNotices())
  }

  /** N2: broken, and the server does not notice. */
  halfOpen(connection: Connection): void {
    this.#break(connection)
    this.#robotNotices(connection, 2_000)
  }

  /** N3: nothing gets through for a while. Then the messages arrive, or the connection turns out to be dead. */
  blackHole(connection: Connection): void {
    const ms = this.#chance.between(20_000, 200_000)
    if (this.#chance.happens(0.5)) {
      connection.up.hold(ms)
      connection.down.hold(ms)
      return
    }
    this.#break(connection)
    this.#world.after(ms, () => this.cut(connection))
  }

  /** N5: some of the connections stall, and then all their messages arrive at once. */
  clog(): void {
    for (const connection of this.connections) {
      if (!this.#chance.happens(0.5)) continue
      const ms = this.#chance.between(5_000, 90_000)
      connection.up.hold(ms)
      connection.down.hold(ms)
    }
  }

  /** N6: the robot abandons the connection and opens another, while its messages on this one still arrive. */
  overlap(connection: Connection): void {
    const ms = this.#chance.between(1_000, 20_000)
    connection.up.hold(ms)
    connection.down.break()
    this.#robotNotices(connection, 2_000)
    this.#world.after(ms + this.#chance.between(0, 20_000), () => {
      this.#break(connection)
      connection.serverNotices()
    })
  }

  /** The server's process is gone. Most robots notice soon; some only because nothing comes any more. */
  serverDied(): void {
    for (const connection of this.connections) {
      connection.openAtServer = false
      this.#break(connection)
      if (this.#chance.happens(0.8)) this.#robotNotices(connection, 3_000)
    }
  }

  /** The robot's process is gone. The server may notice, or not. */
  robotDied(connection: Connection): void {
    connection.openAtRobot = false
    const silent = this.#chance.happens(0.3)
    if (silent) this.#break(connection)
    else connection.closeByRobot()
  }

  #break(connection: Connection): void {
    connection.up.break()
    connection.down.break()
  }

  #robotNotices(connection: Connection, within: Millis): void {
    this.#world.after(this.#chance.between(0, within), () => connection.robotNotices())
  }

  /** R10: as the robot writes it. */
  readonly #written = (text: string): string => {
    const wrong = this.#faults.active.length > 0 && this.#pen.happens(this.#malformedRate)
    return wrong ? malform(text, this.#pen) : text
  }

  /** N4: each direction of each connection has a pace of its own. */
  #latency(): () => Millis {
    const worst = this.#faults.rates('latency')
    const mean = worst === 0 ? this.#chance.spread(1, 20) : this.#chance.spread(1, 5_000 * worst)
    return () => Math.round(mean * this.#chance.between(0.5, 1.5))
  }
}
