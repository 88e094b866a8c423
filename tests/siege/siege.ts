import { execFile, fork } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Wire } from '../wire/wire.ts'
import type { Order, Report } from './attack.ts'
import type { Besieged } from './besieged.ts'
import type { Ground } from './ground.ts'
import { collectGarbage } from './inspector.ts'
import type { Tallied } from './tally.ts'

/** Floods, one after another, and how robots that mean well fare beside them. */

/** Robots that send a heartbeat a second each, which is well within what one may send. */
const WITNESSES = 10
const BEAT_MS = 1_000
/** The part of a flood after which the server's memory is measured. */
const HELD_AT = 0.85

const ATTACK = fileURLToPath(new URL('attack.ts', import.meta.url))

export interface Siege {
  readonly ground: Ground
  readonly floods: readonly string[]
  readonly seconds: number
  readonly quietSeconds: number
  /** The server's process, if it is one of ours. */
  readonly server: Pick<Besieged, 'pid' | 'inspector'> | undefined
}

/** The outcome of one flood. */
export interface Outcome {
  readonly flood: string
  readonly tally: Tallied
  /** The time that heartbeats sent meanwhile waited for their answers, in ms, ascending. */
  readonly beats: readonly number[]
  /** The growth of the server's memory from before to the end, in MB; null if the server is not ours. */
  readonly grown: number | null
}

/** Lays siege, flood by flood. Throws when a witness loses its connection or the attackers end by themselves. */
export async function* layTo({ ground, floods, seconds, quietSeconds, server }: Siege): AsyncGenerator<Outcome> {
  const witnesses = await Promise.all(Array.from({ length: WITNESSES }, (_, i) => Witness.register(ground, i)))
  const attackers = fork(ATTACK, { execArgv: ['--import', 'tsx'] })
  let received: (report: Report | null) => void = () => {}
  attackers.on('message', (report: Report) => received(report)).once('exit', () => received(null))
  const report = async (): Promise<Report> => {
    const next = await new Promise<Report | null>((resolve) => (received = resolve))
    if (next === null) throw new Error('the attackers have ended by themselves')
    return next
  }
  try {
    for (const flood of floods) {
      await pause(quietSeconds * 1_000)
      const before = await heldBy(server)
      attackers.send({ flood, ground, seconds } satisfies Order)
      await report()
      const begun = performance.now()
      // Near the end, while the attackers still hold what they can.
      const held = pause(seconds * 1_000 * HELD_AT).then(() => heldBy(server))
      const { tally } = await report() as Extract<Report, { at: 'end' }>
      const over = performance.now()
      const beats = (await Promise.all(witnesses.map((one) => one.between(begun, over)))).flat().toSorted((a, b) =>
        a - b
      )
      const after = await held
      yield { flood, tally, beats, grown: before === null || after === null ? null : after - before }
    }
  } finally {
    for (const witness of witnesses) witness.stop()
    attackers.kill('SIGKILL')
  }
}

/** The value below which this share of the beats is; 0 where there are none. */
export function quantile(beats: readonly number[], share: number): number {
  return beats[Math.min(beats.length - 1, Math.ceil(share * beats.length) - 1)] ?? 0
}

/** A robot that means well. */
class Witness {
  readonly #wire: Wire
  readonly #id: string
  readonly #beats: { readonly sentAt: number; readonly ms: Promise<number> }[] = []
  readonly #unanswered = new Map<string, () => void>()
  readonly #timer: NodeJS.Timeout
  #closed: string | null = null

  private constructor(wire: Wire, id: string) {
    this.#wire = wire
    this.#id = id
    void wire.closed.then(({ code, reason }) => (this.#closed = `${id} was closed with ${code} ${reason}`))
    this.#timer = setInterval(() => this.#beat(), BEAT_MS)
    this.#read().catch(() => {})
  }

  static async register({ robots, key }: Ground, index: number): Promise<Witness> {
    const id = `witness-${index}`
    return new Witness(await Wire.register(robots, key, { robot_id: id, capabilities: { workflows: ['none'] } }), id)
  }

  /** The waiting times of the heartbeats sent in this period. Resolves once all of them are answered. */
  async between(from: number, to: number): Promise<readonly number[]> {
    const sent = this.#beats.filter(({ sentAt }) => sentAt >= from && sentAt <= to)
    const answered = Promise.all(sent.map(({ ms }) => ms))
    await Promise.race([answered, this.#wire.closed])
    if (this.#closed !== null) throw new Error(this.#closed)
    return answered
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#wire.terminate()
  }

  #beat(): void {
    if (this.#closed !== null) return
    const sentAt = performance.now()
    const id = this.#wire.send('heartbeat', { robot_id: this.#id })
    const answered = new Promise<void>((resolve) => this.#unanswered.set(id, resolve))
    this.#beats.push({ sentAt, ms: answered.then(() => performance.now() - sentAt) })
  }

  async #read(): Promise<void> {
    for (;;) {
      const { correlation_id } = await this.#wire.next('heartbeat_ack')
      this.#unanswered.get(String(correlation_id))?.()
      this.#unanswered.delete(String(correlation_id))
    }
  }
}

/** The memory that a server holds, in MB, without garbage. Null if the server is not ours. */
async function heldBy(server: Siege['server']): Promise<number | null> {
  if (server === undefined) return null
  await collectGarbage(server.inspector)
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(server.pid)])
  return Number(stdout) / 1_024
}
