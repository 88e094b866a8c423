import { type Effects, writesNothing } from '../../../core/turn.ts'
import type { Receipt } from '../../../core/base/receipt.ts'
import type { Millis } from '../../../core/base/ids.ts'
import type { Prefetch, Prefetched } from '../../../core/prefetch.ts'
import type { Chance } from './chance.ts'
import type { Faults } from './faults.ts'
import type { World } from './world.ts'

/** An error of the disk, distinguishable from every unintended error. */
export class DiskError extends Error {
  override readonly name = 'DiskError'
}

/** The faults of a transaction. */
const CRASHES = ['dies before', 'dies after', 'dies between sends'] as const
const FAILURES = ['fails', 'fails and is durable', 'fails and lands late'] as const
type WriteFault = 'fine' | (typeof CRASHES)[number] | (typeof FAILURES)[number]

/** The longest transaction of a thread. */
const SLOW_DISK_MS: Millis = 1_500

/** The longest way of a receipt back to its turn. Messages of a turn are sent within `SLOW_MS` of its beginning. */
const LATE_RECEIPT_MS: Millis = 300

interface Commit {
  readonly out: Effects
  resolve(receipt: Receipt): void
  reject(error: Error): void
}

interface Read {
  readonly need: Prefetch
  resolve(found: Prefetched): void
  reject(error: Error): void
}

type Task = Commit | Read

/** The parts of a run, and of the life of a process, that its writer needs. */
export interface WriterOptions {
  readonly world: World
  readonly faults: Faults
  readonly chance: Chance
  /** The most commits under way at a time. */
  readonly commitsMax: number
  /** True while the process lives that wants the receipts. */
  lives(): boolean
  /** Declares that promises were settled. */
  settle(): void
  /** The rows of a turn reach the disk. */
  write(out: Effects): Receipt
  /** The same when nobody waits for it any more. */
  writeLate(out: Effects): void
  read(need: Prefetch): Prefetched
  kill(why: string): void
  /** The process dies after so many more messages. */
  dieAfter(sends: number): void
}

/**
 * A thread that writes the turns of one life, with all that may happen on the way: the faults S2, S3, S4 and S10. What
 * waits when it begins a transaction goes into it, in order, and a prefetch sees every commit that was asked for before
 * it. When a transaction fails, so does everything that was asked for since.
 */
export class Writer {
  readonly #options: WriterOptions
  readonly #waiting: Task[] = []
  /** The transaction under way, which a crash may find done or not. */
  #underWay: readonly Task[] | null = null
  #failure: DiskError | null = null
  /** The instant of the last receipt that is on its way. */
  #receiptsAt: Millis = 0
  /** The number of turns whose receipts have not arrived. */
  #outstanding = 0

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** True if every turn that was written has its receipt. */
  get isCaughtUp(): boolean {
    return this.#outstanding === 0
  }

  /** Makes a turn durable, sooner or later or never. */
  commit(out: Effects): Receipt | Promise<Receipt> {
    // An empty turn makes no commit.
    if (writesNothing(out)) return this.#options.write(out)
    if (this.#options.commitsMax === 1) {
      const { fate, ms } = this.#draw()
      if (fate === 'fine' && ms < 1) return this.#options.write(out)
      return new Promise((resolve, reject) => {
        this.#waiting.push({ out, resolve, reject })
        this.#begin(fate, ms)
      })
    }
    if (this.#outstanding > 0 || this.#underWay !== null) this.#options.world.mark('commits overlapped')
    return this.#ask((resolve, reject) => ({ out, resolve, reject }))
  }

  /** The rows outside memory, as the last commit that was asked for will have left them. */
  prefetch(need: Prefetch): Prefetched | Promise<Prefetched> {
    if (this.#underWay === null && this.#failure === null) return this.#options.read(need)
    this.#options.world.mark('prefetch behind a commit')
    return this.#ask((resolve, reject) => ({ need, resolve, reject }))
  }

  /** The process is gone. The transaction under way is done nevertheless. */
  finishAfterDeath(): void {
    for (const task of this.#underWay ?? []) if ('out' in task) this.#options.write(task.out)
  }

  get isWriting(): boolean {
    return this.#underWay !== null
  }

  #ask<T>(task: (resolve: (found: T) => void, reject: (error: Error) => void) => Task): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure)
      this.#waiting.push(task(resolve, reject))
      if (this.#underWay !== null) return
      const { fate, ms } = this.#draw()
      this.#begin(fate, ms)
    })
  }

  /** Decided before the transaction begins, so that crashes are aimed at it from both sides. */
  #draw(): { readonly fate: WriteFault; readonly ms: Millis } {
    const { chance, faults } = this.#options
    const slow = faults.rates('slowCommit')
    // Transactions of several turns are rare, and what they are here for.
    const weight = this.#waiting.length > 1 ? 5 * this.#waiting.length : 1
    const fate = chance.happens(weight * faults.rates('aimedCrash'))
      ? chance.pick(CRASHES)
      : chance.happens(weight * faults.rates('failedCommit'))
      ? chance.pick(FAILURES)
      : 'fine'
    if (this.#options.commitsMax > 1) return { fate, ms: chance.spread(1, SLOW_DISK_MS * Math.max(0.1, slow)) }
    return { fate, ms: slow === 0 ? 0 : chance.spread(0.5, 500 * slow) }
  }

  #begin(fate: WriteFault, ms: Millis): void {
    const { world, lives, settle } = this.#options
    const tasks = this.#underWay = this.#waiting.splice(0)
    world.after(ms, () => {
      if (!lives()) return
      this.#underWay = null
      settle()
      this.#end(fate, tasks)
      if (!lives() || this.#failure !== null || this.#waiting.length === 0) return
      const next = this.#draw()
      this.#begin(next.fate, next.ms)
    })
  }

  #end(fate: WriteFault, tasks: readonly Task[]): void {
    const { world, chance, kill, writeLate, dieAfter } = this.#options
    const turns = tasks.flatMap((task) => 'out' in task ? [task.out] : [])
    if (fate === 'dies before') return kill('before a commit')
    if (fate === 'fails') return this.#fail(tasks, 'database is locked')
    if (fate === 'fails and lands late') {
      world.after(chance.between(0, 2_000), () => turns.forEach(writeLate))
      return this.#fail(tasks, 'the answer to a commit did not come')
    }
    const answers = tasks.map((task) => this.#perform(task))
    const sends = turns.reduce((sum, out) => sum + out.sends.size, 0)
    if (fate === 'dies after') {
      if (sends > 0) world.mark('crash between commit and send')
      return kill('after a commit, before a word')
    }
    if (fate === 'fails and is durable') {
      world.mark('commit that failed was durable')
      return this.#fail(tasks, 'I/O error after a commit')
    }
    if (fate === 'dies between sends') dieAfter(chance.whole(0, sends))
    this.#outstanding += turns.length
    this.#arrive(() => {
      this.#outstanding -= turns.length
      for (const answer of answers) answer()
    })
  }

  /** Writes or reads, and returns what delivers the result. */
  #perform(task: Task): () => void {
    if ('need' in task) {
      const found = this.#options.read(task.need)
      return () => task.resolve(found)
    }
    const receipt = this.#options.write(task.out)
    return () => task.resolve(receipt)
  }

  /** This transaction has failed, and nothing that was asked for since may succeed. */
  #fail(tasks: readonly Task[], message: string): void {
    const failure = this.#failure = new DiskError(message)
    const lost = [...tasks, ...this.#waiting.splice(0)]
    this.#arrive(() => {
      for (const task of lost) task.reject(failure)
    })
  }

  /** S10: answers of a thread come in their order, and some late. Those of a store on the same thread come at once. */
  #arrive(deliver: () => void): void {
    const { world, chance, faults, commitsMax, lives, settle } = this.#options
    const late = commitsMax > 1 ? chance.spread(0.5, LATE_RECEIPT_MS * Math.max(0.01, faults.rates('slowCommit'))) : 0
    const at = Math.max(this.#receiptsAt, world.now + Math.floor(late))
    this.#receiptsAt = at
    if (at === world.now && this.#outstanding <= 1) return deliver()
    if (at > world.now) world.mark('receipt came late')
    world.after(at - world.now, () => {
      if (!lives()) return
      settle()
      deliver()
    })
  }
}
