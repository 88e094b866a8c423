import { cut } from './text.ts'

/** A longer name is cut before it is compared and shown. */
const NAME_CHARS_MAX = 50
/** With more names than these a list would hide what is wrong. */
const LISTED_MAX = 16

/** Refuses a name that is not known here, and says which one may have been meant: `Unknown field prioritty; did you mean priority?` */
export function unknownName(kind: string, name: string, known: readonly string[], prefix = ''): string {
  const shown = cut(name, NAME_CHARS_MAX)
  const near = nearestName(shown, known)
  const unknown = `Unknown ${kind} ${prefix}${shown}`
  if (near !== null) return `${unknown}; did you mean ${prefix}${near}?`
  if (known.length === 0) return `${unknown}: there are none here`
  return known.length > LISTED_MAX ? unknown : `${unknown}: use ${known.join(', ')}`
}

/** The known name that is spelt most like this one, or has it as its first or last words; null where none comes near. */
function nearestName(name: string, known: readonly string[]): string | null {
  const given = name.toLowerCase()
  const near = known.map((other) => ({ other, apart: editsBetween(given, other.toLowerCase()) }))
    .filter(({ other, apart }) => apart <= editsMax(given, other) || isPartOf(given, other))
    .toSorted((a, b) => a.apart - b.apart)[0]
  return near?.other ?? null
}

/** Of short names one letter may be wrong; of longer ones two in five. */
function editsMax(name: string, other: string): number {
  return Math.max(1, Math.floor(Math.max(name.length, other.length) * 0.4))
}

function isPartOf(name: string, other: string): boolean {
  return name.length > 2 && (other.startsWith(`${name}_`) || other.endsWith(`_${name}`))
}

/** The Levenshtein distance: how many letters have to be added, left out or changed to turn one into the other. */
function editsBetween(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const now = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      now.push(Math.min(changed, (before[j] ?? 0) + 1, (now[j - 1] ?? 0) + 1))
    }
    before = now
  }
  return before[b.length] ?? 0
}
