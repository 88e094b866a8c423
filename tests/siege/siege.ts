import { execFile, fork } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Wire } from '../wire/wire.ts'
import type { Order, Report } from './attack.ts'
import type { Ground } from './ground.ts'
import type { Tallied } from './tally.ts'

/** Floods, one after another, and how robots that mean well fare beside them. */

/** Robots that send a heartbeat a second each, which is well within what one may send. */
const WITNESSES = 10
const BEAT_MS = 1_000
const LOOK_MS = 250

const ATTACK = fileURLToPath(new URL('attack.ts', import.meta.url))

export interface Siege {
  readonly ground: Ground
  readonly floods: readonly string[]
  readonly seconds: number
  readonly quietSeconds: number
  /** The process of the server, if it is one of ours. */
  readonly pid: number | undefined
}

/** What became of one flood. */
export interface Outcome {
  readonly flood: string
  readonly tally: Tallied
  /** How long heartbeats that were sent meanwhile waited for their answers, in ms, the shortest first. */
  readonly beats: readonly number[]
  /** What the server holds more in memory at the end than before, in MB; null where it is not ours. */
  readonly grown: number | null
}

/** Lays siege, flood by flood. Throws when a witness loses its connection or the attackers end by themselves. */
export async function* layTo({ ground, floods, seconds, quietSeconds, pid }: Siege): AsyncGenerator<Outcome> {
  const watch = new Watch(pid)
  const witnesses = await Promise.all(Array.from({ length: WITNESSES }, (_, i) => Witness.register(ground, i)))
  const attackers = fork(ATTACK, { execArgv: ['--import', 'tsx'] })
  let heard: (report: Report | null) => void = () => {}
  attackers.on('message', (report: Report) => heard(report)).once('exit', () => heard(null))
  const report = async (): Promise<Report> => {
    const next = await new Promise<Report | null>((resolve) => (heard = resolve))
    if (next === null) throw new Error('the attackers have ended by themselves')
    return next
  }
  try {
    for (const flood of floods) {
      await pause(quietSeconds * 1_000)
      attackers.send({ flood, ground, seconds } satisfies Order)
      await report()
      const begun = performance.now()
      const before = watch.least(begun - quietSeconds * 1_000, begun)
      const { tally } = await report() as Extract<Report, { at: 'end' }>
      const over = performance.now()
      // At the lowest of the last third: what is there just until it is collected is not held.
      const held = watch.least(over - (over - begun) / 3, over)
      const beats = (await Promise.all(witnesses.map((one) => one.between(begun, over)))).flat().toSorted((a, b) =>
        a - b
      )
      yield { flood, tally, beats, grown: before === null || held === null ? null : held - before }
    }
  } finally {
    for (const witness of witnesses) witness.stop()
    watch.stop()
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

  /** How long the heartbeats that were sent in this time waited. Resolves once all of them are answered. */
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

/** Looks every now and then how much memory a process and what it has started hold. */
class Watch {
  readonly #samples: { readonly at: number; readonly mb: number }[] = []
  readonly #timer: NodeJS.Timeout | undefined

  constructor(pid: number | undefined) {
    if (pid === undefined) return
    const look = (): void => {
      memoryOf(pid).then((mb) => void this.#samples.push({ at: performance.now(), mb }), () => {})
    }
    look()
    this.#timer = setInterval(look, LOOK_MS)
  }

  /** The least of what was seen in this time; null where nothing was. */
  least(from: number, to: number): number | null {
    const seen = this.#samples.filter(({ at }) => at >= from && at <= to).map(({ mb }) => mb)
    return seen.length === 0 ? null : Math.min(...seen)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** The memory of a process and everything that it has started, in MB. */
async function memoryOf(root: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,rss='])
  const all = stdout.trim().split('\n').map((line) => line.trim().split(/ +/).map(Number))
  const tree = new Set([root])
  // A parent stands before its children nearly always; where it does not, the next look finds them.
  for (const [pid = 0, parent = 0] of all) if (tree.has(parent)) tree.add(pid)
  return all.filter(([pid]) => tree.has(pid ?? 0)).reduce((sum, [, , kb = 0]) => sum + kb, 0) / 1_024
}
