import type { SqlRow, SqlValue } from './row-of.ts'
import { FIND_META, hasSchema, type Migration, pending, READ_VERSION, setVersion } from './schema.ts'

/** An SQLite database that answers synchronously: a file, or a Durable Object's own. */
export interface Sql {
  /** Runs one statement to its end, with or without rows. Throws the driver's error. */
  all(sql: string, args: readonly SqlValue[]): readonly SqlRow[]
  /** Runs many statements without arguments. */
  script(sql: string): void
  /**
   * Runs `work` in a transaction: all or nothing, without other writers, and durable when it returns. Rolled back when
   * `work` throws.
   */
  transaction<T>(work: () => T): T
  close(): void
}

/** A statement and its arguments. */
export interface Statement {
  readonly sql: string
  readonly args: readonly SqlValue[]
}

/** Runs statements in their order, and returns the rows of each. Every store in SQLite runs its turns by this function. */
export function runAll(sql: Sql, statements: readonly Statement[]): readonly (readonly SqlRow[])[] {
  return statements.map(({ sql: text, args }) => sql.all(text, args))
}

/** Reads one statement after another, each of which may depend on what the ones before it have found. */
export async function readAll<T>(
  run: (statement: Statement) => Promise<readonly SqlRow[]>,
  reads: Generator<Statement, T, readonly SqlRow[]>,
): Promise<T> {
  let step = reads.next()
  while (step.done !== true) {
    let rows: readonly SqlRow[]
    try {
      rows = await run(step.value)
    } catch (error) {
      step = reads.throw(error)
      continue
    }
    step = reads.next(rows)
  }
  return step.value
}

/** Migrates a database, empty or not, to the newest schema. Throws `StoreUnusable` for a newer one. */
export function migrate(sql: Sql, migrations: readonly Migration[]): void {
  sql.transaction(() => {
    for (const { version, sql: text } of pending(versionIn(sql), migrations)) {
      sql.script(text)
      sql.all(setVersion('?'), [version])
    }
  })
}

/** The last step of the schema that a database has seen; 0 for an empty one. Throws `StoreUnusable` when it has another. */
export function versionIn(sql: Sql): number {
  const [meta] = sql.all(FIND_META, [])
  return hasSchema(meta?.['sql']?.toString()) ? Number(sql.all(READ_VERSION, [])[0]?.['schema_version']) : 0
}

/** Receives the count of a store's turns, to record it outside the database. */
export interface TurnCounter {
  /** A process has loaded a database with this number of turns. */
  loaded(identity: string, turns: number): void
  /** So many more turns are committed. */
  committed(turns?: number): void
}
