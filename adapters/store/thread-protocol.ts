import type { FileOptions } from './file.ts'
import type { SqlRow, SqlValue } from './row-of.ts'

/** The messages between a store and the thread that has its files. */

/** A statement whose text was sent before, with its number. */
export interface NumberedStatement {
  readonly text: number
  readonly args: readonly SqlValue[]
}

/** A request about one file. They are served in order, and each has one answer. */
export type Ask =
  | { readonly kind: 'open'; readonly options: FileOptions }
  | { readonly kind: 'openReader'; readonly path: string }
  /** Runs statements in a transaction; the first returns the row `meta`. Ends a failure. */
  | { readonly kind: 'load'; readonly statements: readonly NumberedStatement[] }
  /** Runs a turn, in one transaction with the commits and reads that wait before and after it. */
  | { readonly kind: 'commit'; readonly statements: readonly NumberedStatement[] }
  /** Reads, behind the commits before it. */
  | { readonly kind: 'read'; readonly statements: readonly NumberedStatement[] }
  /** Writes the whole WAL into the database and empties it, unless somebody reads. */
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'close'; readonly isSound: boolean }

/** A request with its number, its file, and the texts that it is the first to use. */
export interface Asked {
  readonly id: number
  readonly file: number
  readonly ask: Ask
  /** They get the next numbers. */
  readonly texts: readonly string[]
}

/** The rows of each statement. */
export type Results = readonly (readonly SqlRow[])[]

/** An error in the form in which it can be sent. */
export interface SentError {
  readonly name: string
  readonly message: string
  /** Of an error of SQLite. */
  readonly code: string
  readonly rawCode: number
}

export type Answer =
  /** The rows of one statement, before the request is done. */
  | { readonly kind: 'part'; readonly id: number; readonly statement: number; readonly rows: readonly SqlRow[] }
  /** Each of these is done. `lost` is the number of lost turns that opening has found. */
  | { readonly kind: 'done'; readonly ids: readonly number[]; readonly lost: number }
  | { readonly kind: 'failed'; readonly ids: readonly number[]; readonly error: SentError }
  /** The thread runs. */
  | { readonly kind: 'ready' }
