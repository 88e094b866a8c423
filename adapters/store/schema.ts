import { assert } from '../../core/base/assert.ts'
import { StoreUnusable } from './contract.ts'

/** One step of the schema. Steps are only ever added; a released one is never edited. */
export interface Migration {
  readonly version: number
  readonly sql: string
}

/**
 * The migrations in order, from the texts of the files in `schema/` by name. Each runtime reads them in its own way:
 * Node and Deno from the folder, a bundler imports each file as text. Throws `Bug` when a number is missing or occurs
 * twice.
 */
export function migrationsOf(files: Readonly<Record<string, string>>): readonly Migration[] {
  const migrations = Object.entries(files).map(([name, sql]) => ({ version: Number.parseInt(name, 10), sql }))
  migrations.sort((a, b) => a.version - b.version)
  assert(migrations.length > 0 && migrations.every(({ version }, i) => version === i + 1), 'steps are numbered from 1')
  return migrations
}

/** Finds the table `meta`, and with it out how it was made. */
export const FIND_META = "select sql from sqlite_master where type = 'table' and name = 'meta'"

/** The last step of the schema that a database has seen. */
export const READ_VERSION = 'select schema_version from meta'

/** The statement that says so; `version` is SQL. */
export function setVersion(version: string): string {
  return `update meta set schema_version = ${version}`
}

/**
 * True if a database has a schema; an empty one has none. `meta` is the SQL that created its table `meta`. Throws
 * `StoreUnusable` for a database from before the first release, which counted other steps.
 */
export function hasSchema(meta: string | undefined): boolean {
  if (meta !== undefined && !/\bschema_version\b/.test(meta)) {
    throw new StoreUnusable(
      'was written by a version from before the first release, or by another program, and cannot be upgraded: ' +
        'move it away, or name another path',
    )
  }
  return meta !== undefined
}

/**
 * The migrations that a database of this version lacks. Throws `StoreUnusable` for a newer database: its data may mean
 * things that this program does not know.
 */
export function pending(version: number, migrations: readonly Migration[]): readonly Migration[] {
  const known = migrations.length
  if (version > known) {
    throw new StoreUnusable(
      `was written by a newer version of this program (schema ${version}, known here up to ${known}): ` +
        'run that version, or restore a backup from before the upgrade',
    )
  }
  return migrations.slice(version)
}
