import { StoreDamaged } from './contract.ts'
import type { SqlRow } from './row-of.ts'

/** Throws an error that says that the database is damaged, and what can be done about it. */
export function throwDamaged(found: string): never {
  throw damagedBy(found)
}

/** The error that says the same. */
export function damagedBy(found: string): StoreDamaged {
  return new StoreDamaged(`is damaged (${found}): restore it from a backup`)
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A text that was read as a blob. Throws `StoreDamaged` when it is not UTF-8. */
export function blobText(blob: SqlRow[string] | undefined): string {
  if (!(blob instanceof ArrayBuffer)) return throwDamaged('a row has no values')
  try {
    return UTF8.decode(blob)
  } catch {
    return throwDamaged('a row has text that is not UTF-8')
  }
}
