import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../../adapters/store/contract.ts'
import { openLibsqlStore } from '../../adapters/store/libsql.ts'
import { sha256 } from '../../adapters/crypto/secrets.ts'
import { everything, SOON } from './disk.ts'
import { job, row, turn } from './rows.ts'

/** Databases that have had some turns, for tests of what may happen to their files. */

const folder = mkdtempSync(join(tmpdir(), 'damage-'))

export const FILES = ['', '-wal', '-generation'] as const
let made = 0

/** For `afterAll`. */
export function removePast(): void {
  rmSync(folder, { recursive: true })
}

/** A path for a database in a folder of its own. */
export function fresh(): string {
  const own = join(folder, String(++made))
  mkdirSync(own)
  return join(own, 'a.db')
}

/** The files of a database as they are just now: while it is open, what `kill -9` would leave. */
export function copy(path: string): string {
  const to = fresh()
  for (const file of FILES) if (existsSync(path + file)) copyFileSync(path + file, to + file)
  return to
}

/** A definition with letters of every length. */
export const HARD = '{"name":"Ünïcode 🤖","nodes":{}}'

/** Commits a number of turns, each with a row of every kind. */
export async function write(store: Store, from: number, turns: number): Promise<void> {
  for (let i = from; i < from + turns; i++) {
    const definition = { hash: sha256(HARD), json: HARD }
    const rows = everything(`row-${i}`, i * 10)
    await store.commit(turn(i, {
      ...rows,
      // Those of even rows are too long to stay in memory.
      jobs: [
        job(`row-${i}`, {
          seq: i * 10,
          definition: sha256(HARD),
          parameters: `{"ä":"${'ö'.repeat(200 - i % 2 * 160)}"}`,
        }),
      ],
      definitions: [row('definitions', definition)],
    }))
  }
}

/** A database that has had some turns, open. */
export async function begun(path = fresh(), turns = 40): Promise<Store & { readonly path: string }> {
  const store = await openLibsqlStore({ path })
  await store.load(SOON)
  await write(store, 1, turns)
  return { ...store, path }
}
