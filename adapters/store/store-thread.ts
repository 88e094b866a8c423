import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { blobText } from './damaged.ts'
import { type DatabaseFile, openFile, openReader } from './file.ts'
import { RECORD_TOGETHER } from './generation.ts'
import { runAll, type Sql, type Statement } from './sqlite.ts'
import type { Answer, Ask, Asked, NumberedStatement, Results, SentError } from './thread-protocol.ts'

/**
 * The thread of stores, a program of its own: it has the connections to the files of a process, and runs what the stores
 * ask for, in order. It knows SQL and files, and nothing of jobs: rows are encoded and decoded by the stores, so that
 * little code is loaded here.
 */

const port = workerData as MessagePort
const texts: string[] = []
const files = new Map<number, OpenFile>()

/** A file and its state. `failure`: a commit has failed, and later ones must fail with it until the next load. */
interface OpenFile {
  readonly sql: Sql
  /** Null for a connection that only reads. */
  readonly database: DatabaseFile | null
  failure: SentError | null
}

/** A request for statements on an open file. */
interface Job {
  readonly id: number
  readonly ask: Extract<Ask, { readonly statements: unknown }>
}

port.on('message', (first: Asked) => {
  const asked = [first]
  for (let next; (next = receiveMessageOnPort(port)) !== undefined;) asked.push((next as { message: Asked }).message)
  for (const { texts: more } of asked) texts.push(...more)
  for (const file of new Set(asked.map((one) => one.file))) serve(file, asked.filter((one) => one.file === file))
})
send({ kind: 'ready' })

function send(answer: Answer): void {
  port.postMessage(answer)
}

/** Serves the waiting requests about one file, in order. */
function serve(file: number, asked: readonly Asked[]): void {
  let together: Job[] = []
  const flush = (): void => {
    if (together.length > 0) runTogether(opened(file), together)
    together = []
  }
  for (const { id, ask } of asked) {
    if (ask.kind === 'commit' || ask.kind === 'read') {
      together.push({ id, ask })
      continue
    }
    flush()
    try {
      send({ kind: 'done', ids: [id], lost: alone(file, id, ask) })
    } catch (error) {
      send({ kind: 'failed', ids: [id], error: sentError(error) })
    }
  }
  flush()
}

function opened(file: number): OpenFile {
  const open = files.get(file)
  if (open === undefined) throw new Error('a file is opened first')
  return open
}

/** Runs one request by itself. Returns the number of turns that opening has found to be lost. */
function alone(file: number, id: number, ask: Exclude<Ask, { readonly kind: 'commit' | 'read' }>): number {
  if (ask.kind === 'open') {
    const database = openFile(ask.options)
    files.set(file, { sql: database.sql, database, failure: null })
    return database.lost
  }
  if (ask.kind === 'openReader') {
    files.set(file, { sql: openReader(ask.path), database: null, failure: null })
    return 0
  }
  if (ask.kind === 'checkpoint') {
    opened(file).sql.all('pragma wal_checkpoint(truncate)', [])
    return 0
  }
  if (ask.kind === 'close') {
    const { database, sql } = opened(file)
    files.delete(file)
    if (database === null) sql.close()
    else database.close(ask.isSound)
    return 0
  }
  const open = opened(file)
  open.failure = null
  const results = open.sql.transaction(() => runAll(open.sql, statementsOf(ask.statements)))
  const meta = results[0]?.[0]
  open.database?.generation.loaded(blobText(meta?.['identity']), Number(meta?.['turns']))
  sendResults(id, results)
  return 0
}

/**
 * Runs commits and reads that have waited: with commits in it, as one transaction, which waits for the disk once. A read
 * sees the commits before it, and is answered before they are durable: what is made of it can be durable only after them.
 */
function runTogether(open: OpenFile, jobs: readonly Job[]): void {
  const ids = jobs.map(({ id }) => id)
  if (open.failure !== null) return send({ kind: 'failed', ids, error: open.failure })
  const commits = jobs.filter(({ ask }) => ask.kind === 'commit').map(({ id }) => id)
  const answered = new Set<number>()
  const run = (): void => {
    for (const { id, ask } of jobs) {
      const results = runAll(open.sql, statementsOf(ask.statements))
      if (ask.kind === 'commit') continue
      sendResults(id, results)
      send({ kind: 'done', ids: [id], lost: 0 })
      answered.add(id)
    }
    if (commits.length > 1) open.sql.all(RECORD_TOGETHER, [commits.length])
  }
  try {
    if (commits.length > 0) open.sql.transaction(run)
    else inSnapshot(open.sql, run)
    open.database?.generation.committed(commits.length)
    if (commits.length > 0) send({ kind: 'done', ids: commits, lost: 0 })
  } catch (error) {
    const failure = sentError(error)
    if (commits.length > 0) open.failure = failure
    send({ kind: 'failed', ids: ids.filter((id) => !answered.has(id)), error: failure })
  }
}

/** Several reads see the same rows. */
function inSnapshot(sql: Sql, work: () => void): void {
  sql.all('begin', [])
  try {
    work()
    sql.all('commit', [])
  } catch (error) {
    try {
      sql.all('rollback', [])
    } catch {
      // SQLite has done so itself.
    }
    throw error
  }
}

/** Each statement's rows are a message, so that none is larger than need be. */
function sendResults(id: number, results: Results): void {
  for (const [statement, rows] of results.entries()) {
    if (rows.length > 0) send({ kind: 'part', id, statement, rows })
  }
}

function statementsOf(numbered: readonly NumberedStatement[]): readonly Statement[] {
  return numbered.map(({ text, args }) => ({ sql: texts[text] ?? '', args }))
}

function sentError(error: unknown): SentError {
  const { name, message, code, rawCode } = error as Error & { readonly code?: string; readonly rawCode?: number }
  return { name, message, code: String(code ?? ''), rawCode: rawCode ?? 0 }
}
