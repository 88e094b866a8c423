import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import Database from 'libsql'
import { Bug } from '../../core/base/assert.ts'
import { StoreDamaged, StoreUnusable } from './contract.ts'
import type { SqlRow } from './row-of.ts'
import type { Statement } from './sqlite.ts'
import type { Answer, Ask, Asked, NumberedStatement, Results, SentError } from './thread-protocol.ts'

/** The program of the thread, beside this file: as it is in the sources, compiled in the package. */
const PROGRAM = new URL(`./store-thread${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/**
 * The program as a Node that reads no TypeScript can start it from the sources. The hooks of tsx, by which this process
 * was started then, are not those of a thread.
 */
function programForTsx(): string {
  return `import('${
    import.meta.resolve('tsx/esm/api')
  }').then((tsx) => { tsx.register(); return import('${PROGRAM.href}') })`
}

/** True if the runtime can start the program as it is. */
function isReadable(): boolean {
  const { typescript = false } = process.features as { readonly typescript?: string | false }
  return PROGRAM.pathname.endsWith('.js') || 'Deno' in globalThis || typescript !== false
}

/** V8 gives a young generation of 48 MB to a thread that is given none. Statements and rows do not live long. */
const YOUNG_MB = 8

/** The thread cannot run here, for a reason that people are told: a bundler has left its program out, for instance. */
export class NoThread extends Error {
  override readonly name = 'NoThread'
}

function startProgram(name: string, port: MessagePort): Worker {
  const path = fileURLToPath(PROGRAM)
  try {
    if (!existsSync(path)) throw new NoThread(`${path} is missing`)
    return new Worker(isReadable() ? PROGRAM : programForTsx(), {
      eval: !isReadable(),
      workerData: port,
      transferList: [port],
      name: `store ${name}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
  } catch (error) {
    // Deno may lack a permission; the message names the flag that grants it.
    throw error instanceof NoThread ? error : new NoThread((error as Error).message)
  }
}

/** A waiting request. */
interface Waiting {
  readonly rows: (readonly SqlRow[])[]
  resolve(result: { readonly results: Results; readonly lost: number }): void
  reject(error: Error): void
}

/** A thread that runs statements on files, and what it was asked for. */
class StoreThread {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #waiting = new Map<number, Waiting>()
  readonly #texts = new Map<string, number>()
  readonly #ready: Promise<void>
  #ids = 0
  #files = 0
  #death: StoreUnusable | null = null

  /** Starts the thread. `ready` tells if it could. */
  constructor(name: string) {
    const { port1, port2 } = new MessageChannel()
    const worker = this.#worker = startProgram(name, port2)
    const port = this.#port = port1
    this.#ready = new Promise((resolve, reject) => {
      worker.once('error', (error) => {
        reject(new NoThread(String(error)))
        this.#die(String(error))
      })
      worker.once('exit', () => {
        reject(new NoThread('it has ended'))
        this.#die('it has ended')
      })
      port.on('message', (answer: Answer) => {
        if (answer.kind === 'ready') resolve()
        else this.#answered(answer)
      })
    })
    this.#ready.catch(() => {})
    // Only requests keep the process running.
    worker.unref()
  }

  /** Resolves when the thread runs. Throws `NoThread` if it cannot. */
  async ready(): Promise<void> {
    await this.#ready
    if (this.#waiting.size === 0) this.#port.unref()
  }

  /** True if it has ended: what it has not answered has failed, and it takes nothing more. */
  get isDead(): boolean {
    return this.#death !== null
  }

  /** Opens a file, and returns its number, with that of the turns that a power cut has taken from it. */
  async open(ask: Extract<Ask, { readonly kind: 'open' | 'openReader' }>): Promise<{ file: number; lost: number }> {
    const file = ++this.#files
    const { lost } = await this.#send(file, ask, [])
    return { file, lost }
  }

  /** Empties the WAL of a file, unless somebody reads it. */
  async checkpoint(file: number): Promise<void> {
    await this.#send(file, { kind: 'checkpoint' }, [])
  }

  /** Closes a file. `isSound`: no damage was found in it. */
  async close(file: number, isSound: boolean): Promise<void> {
    if (!this.isDead) await this.#send(file, { kind: 'close', isSound }, [])
  }

  /** Runs statements, and returns the rows of each. */
  async run(file: number, kind: 'load' | 'commit' | 'read', statements: readonly Statement[]): Promise<Results> {
    const texts: string[] = []
    const numbered = statements.map((statement) => this.#numbered(statement, texts))
    const { results } = await this.#send(file, { kind, statements: numbered }, texts)
    return statements.map((_, i) => results[i] ?? [])
  }

  /** Ends the thread. */
  async end(): Promise<void> {
    await this.#worker.terminate()
    this.#port.close()
  }

  #numbered({ sql, args }: Statement, texts: string[]): NumberedStatement {
    let text = this.#texts.get(sql)
    if (text === undefined) {
      this.#texts.set(sql, text = this.#texts.size)
      texts.push(sql)
    }
    return { text, args }
  }

  #send(
    file: number,
    ask: Ask,
    texts: readonly string[],
  ): Promise<{ readonly results: Results; readonly lost: number }> {
    return new Promise((resolve, reject) => {
      if (this.#death !== null) return reject(this.#death)
      const id = ++this.#ids
      const port = this.#port
      if (this.#waiting.size === 0) port.ref()
      this.#waiting.set(id, { rows: [], resolve, reject })
      port.postMessage({ id, file, ask, texts } satisfies Asked)
    })
  }

  #answered(answer: Exclude<Answer, { readonly kind: 'ready' }>): void {
    if (answer.kind === 'part') {
      const { rows = [] } = this.#waiting.get(answer.id) ?? {}
      rows[answer.statement] = answer.rows
      return
    }
    for (const id of answer.ids) {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (answer.kind === 'failed') waiting?.reject(errorOf(answer.error))
      else waiting?.resolve({ results: waiting.rows, lost: answer.lost })
    }
    if (this.#waiting.size === 0) this.#port.unref()
  }

  #die(reason: string): void {
    this.#death ??= new StoreUnusable(`cannot be used (its thread has failed: ${reason})`)
    const lost = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of lost) reject(this.#death)
    this.#port.unref()
  }
}

/** An error of the thread, with its class. */
function errorOf({ name, message, code, rawCode }: SentError): Error {
  switch (name) {
    case 'SqliteError':
      return new Database.SqliteError(message, code, rawCode)
    case 'StoreDamaged':
      return new StoreDamaged(message)
    case 'StoreUnusable':
      return new StoreUnusable(message)
    case 'Bug':
      return new Bug(message)
    default:
      return new Error(`${name}: ${message}`)
  }
}

/** The purpose of a thread. A process has one for each, which its stores share: more would not be faster on one disk. */
type ThreadRole = 'writer' | 'reader'

interface Shared {
  readonly thread: StoreThread
  users: number
}

const shared = new Map<ThreadRole, Shared>()

/** A file that a thread has open. */
export interface Connection {
  readonly thread: StoreThread
  readonly file: number
  /** The number of turns that a power cut has lost. */
  readonly lost: number
}

/** Opens a file on the thread for this. To be ended with `disconnect`. Throws `NoThread` if there can be no thread. */
export async function connectThread(
  role: ThreadRole,
  ask: Extract<Ask, { readonly kind: 'open' | 'openReader' }>,
): Promise<Connection> {
  let its = shared.get(role)
  if (its === undefined || its.thread.isDead) shared.set(role, its = { thread: new StoreThread(role), users: 0 })
  const { thread } = its
  its.users++
  try {
    await thread.ready()
    return { thread, ...await thread.open(ask) }
  } catch (error) {
    await release(role, thread)
    throw error
  }
}

/** Closes a file. Its thread ends with the last one. */
export async function disconnect(role: ThreadRole, { thread, file }: Connection, isSound: boolean): Promise<void> {
  try {
    await thread.close(file, isSound)
  } finally {
    await release(role, thread)
  }
}

async function release(role: ThreadRole, thread: StoreThread): Promise<void> {
  const its = shared.get(role)
  if (its?.thread !== thread || --its.users > 0) return
  shared.delete(role)
  await thread.end()
}
