import { setTimeout } from 'node:timers/promises'
import { serveTasks } from '../child.ts'
import { type Connection, openConnection, requestText } from './http.ts'

/** The process that submits jobs over HTTP. */

export interface Target {
  readonly port: number
  readonly key: string
  readonly path: string
  readonly body: string
}

/** Everything that was answered: when it was sent (epoch, ms), how long the answer took, and which job it is. */
export interface Submissions {
  readonly sentAt: readonly number[]
  readonly ms: readonly number[]
  readonly ids: readonly string[]
  readonly refused: readonly string[]
  /** The most that a request was sent later than the fixed rate wanted, ms. */
  readonly lateMs: number
}

interface Record {
  readonly sentAt: number[]
  readonly ms: number[]
  readonly ids: string[]
  readonly refused: string[]
}

/** The sampling of jobs at the fixed rate: one in so many is polled until it is completed. */
const WATCH_EVERY = 4

const flooding = { on: false }
let run: Promise<Submissions> | null = null

/** Keeps `inFlight` requests going until `stop`. */
async function flood(target: Target, inFlight: number): Promise<Submissions> {
  const text = requestText('POST', target.path, target.key, target.body)
  const record: Record = { sentAt: [], ms: [], ids: [], refused: [] }
  const one = async (): Promise<void> => {
    const connection = openConnection(target.port)
    while (flooding.on) await submit(connection, text, record)
    connection.close()
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  return { ...record, lateMs: 0 }
}

/** Sends `perSecond` requests for `seconds`, each when it is due, whether or not earlier ones have been answered. */
async function paced(given: { target: Target; perSecond: number; seconds: number; watched?: boolean }): Promise<
  Submissions & { readonly seenMs: readonly number[] }
> {
  const { target, perSecond, seconds, watched = true } = given
  const text = requestText('POST', target.path, target.key, target.body)
  const record: Record = { sentAt: [], ms: [], ids: [], refused: [] }
  const idle: Connection[] = []
  const seenMs: number[] = []
  const under: Promise<void>[] = []
  const begin = performance.now()
  let lateMs = 0
  const one = async (isWatched: boolean): Promise<void> => {
    const connection = idle.pop() ?? openConnection(target.port)
    const sent = performance.now()
    const id = await submit(connection, text, record)
    if (isWatched && id !== '') {
      await untilCompleted(connection, target, id)
      seenMs.push(performance.now() - sent)
    }
    idle.push(connection)
  }
  for (let n = 0; n < perSecond * seconds; n++) {
    const due = begin + n * 1000 / perSecond
    const wait = due - performance.now()
    if (wait > 0) await setTimeout(wait)
    lateMs = Math.max(lateMs, performance.now() - due)
    under.push(one(watched && n % WATCH_EVERY === 0))
  }
  await Promise.all(under)
  for (const connection of idle) connection.close()
  return { ...record, lateMs, seenMs }
}

async function submit(connection: Connection, text: string, record: Record): Promise<string> {
  const begin = performance.now()
  const { status, body } = await connection.request(text)
  const end = performance.now()
  if (status !== 201) {
    record.refused.push(`${status} ${body.slice(0, 300)}`)
    return ''
  }
  const id = /"id":"([^"]+)"/.exec(body)?.[1] ?? ''
  record.sentAt.push(performance.timeOrigin + begin)
  record.ms.push(end - begin)
  record.ids.push(id)
  return id
}

async function untilCompleted(connection: Connection, target: Target, id: string): Promise<void> {
  const text = requestText('GET', `${target.path}/${id}`, target.key)
  while (!(await connection.request(text)).body.includes('"status":"completed"')) await setTimeout(1)
}

serveTasks({
  start({ target, inFlight }: { target: Target; inFlight: number }) {
    flooding.on = true
    run = flood(target, inFlight)
  },
  stop() {
    flooding.on = false
    return run
  },
  paced,
})
