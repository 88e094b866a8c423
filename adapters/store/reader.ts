import { assert } from '../../core/base/assert.ts'
import type { SqlRow } from './row-of.ts'
import type { Statement } from './sqlite.ts'
import { type Connection, connectThread, disconnect } from './thread.ts'
import type { Results } from './thread-protocol.ts'

/** A statement that waits to be sent. */
interface Waiting {
  readonly statement: Statement
  resolve(rows: readonly SqlRow[]): void
  reject(error: unknown): void
}

/**
 * Reads a file for people and programs, on a thread of its own with its own connection, so that no statement of theirs
 * delays a commit. A read sees every commit whose receipt has come. Statements of one moment see the same rows.
 */
export class Reader {
  readonly #path: string
  #waiting: Waiting[] = []
  #connecting: Promise<Connection> | null = null
  #connection: Connection | null = null
  #isOpen = true
  readonly #underWay = new Set<Promise<unknown>>()
  /** Resolves when the pause is over. */
  #pause: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** Runs one reading statement. */
  read(statement: Statement): Promise<readonly SqlRow[]> {
    assert(this.#isOpen, 'a closed store is left alone')
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ statement, resolve, reject }) > 1) return
      queueMicrotask(() => void this.#send(this.#waiting.splice(0)))
    })
  }

  /** Calls `work` while no read is under way. Reads that come meanwhile wait. */
  duringPause(work: () => Promise<void>): Promise<void> {
    const done = Promise.all([this.#pause, ...this.#underWay]).then(work)
    this.#pause = done.catch(() => {})
    return done
  }

  /** Starts the thread, so that the first read need not wait for it. */
  prepare(): void {
    // A read would find the same problem, and report it.
    this.#connected().catch(() => {})
  }

  /** Ends the connection. The next read begins another. */
  async disconnect(): Promise<void> {
    const connecting = this.#connecting
    this.#connecting = null
    this.#connection = null
    const connection = await connecting?.catch(() => null)
    if (connection != null) await disconnect('reader', connection, true)
  }

  async close(): Promise<void> {
    this.#isOpen = false
    await this.disconnect()
  }

  async #send(waiting: readonly Waiting[]): Promise<void> {
    try {
      await this.#pause
      const results = await this.#run(waiting)
      for (const [i, { resolve }] of waiting.entries()) resolve(results[i] ?? [])
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  async #run(waiting: readonly Waiting[]): Promise<Results> {
    const reading = this.#connected().then(({ thread, file }) =>
      thread.run(file, 'read', waiting.map(({ statement }) => statement))
    )
    const settled = reading.catch(() => {})
    this.#underWay.add(settled)
    try {
      return await reading
    } finally {
      this.#underWay.delete(settled)
    }
  }

  #connected(): Promise<Connection> {
    if (this.#connecting === null || this.#connection?.thread.isDead === true) this.#connecting = this.#connect()
    return this.#connecting
  }

  async #connect(): Promise<Connection> {
    this.#connection = null
    try {
      return this.#connection = await connectThread('reader', { kind: 'openReader', path: this.#path })
    } catch (error) {
      this.#connecting = null
      throw error
    }
  }
}
