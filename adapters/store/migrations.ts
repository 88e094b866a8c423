import { readdirSync, readFileSync } from 'node:fs'
import { type Migration, migrationsOf } from './schema.ts'

/** Reads the migrations from the folder beside this file. */
export function readMigrations(): readonly Migration[] {
  const folder = new URL('./schema/', import.meta.url)
  return migrationsOf(Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]),
  ))
}
