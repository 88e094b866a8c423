import { readFileSync, writeFileSync } from 'node:fs'
import type { Work } from './scene.ts'

/** The figures of one conversation: of the fleet as a whole under `fleet`, and of each table under its name. */
export type Figures = Readonly<Record<string, Readonly<Record<string, number>>>>

const FILE = new URL('./ceilings.json', import.meta.url)

/** The most that each conversation may take. */
export function readCeilings(): Readonly<Record<string, Figures>> {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Readonly<Record<string, Figures>>
}

/** Writes the ceilings: one line for the fleet, and one for each table. */
export function writeCeilings(ceilings: Readonly<Record<string, Figures>>): void {
  const line = ([name, figures]: readonly [string, object]): string =>
    `    ${JSON.stringify(name)}: ${JSON.stringify(figures).replaceAll(/[{},:]/g, (sign) => SPACED[sign] ?? sign)}`
  const block = ([name, figures]: readonly [string, Figures]): string =>
    `  ${JSON.stringify(name)}: {\n${Object.entries(figures).map(line).join(',\n')}\n  }`
  writeFileSync(FILE, `{\n${Object.entries(ceilings).map(block).join(',\n')}\n}\n`)
}

const SPACED: Readonly<Record<string, string>> = { '{': '{ ', '}': ' }', ',': ', ', ':': ': ' }

/** `allocated`: the bytes that were allocated, where they are counted. */
export function figuresOf({ tables, ...fleet }: Work, allocated: number | null = null): Figures {
  const all = allocated === null ? fleet : { ...fleet, [ALLOCATED]: allocated }
  return { fleet: all, ...tables } as unknown as Figures // Interfaces have no index signature.
}

/** Its figures are samples, and differ by up to an eighth among the versions of V8. */
const ALLOCATED = 'allocated_bytes'

/** The share of a ceiling below which it has to be lowered, so that what was gained is not lost again. */
function low(figure: string): number {
  return figure === ALLOCATED ? 0.8 : 0.9
}

/** The room above what is counted that a ceiling gets: a checksum of other values may have more digits. */
function room(figure: string): number {
  if (figure === ALLOCATED) return 1.2
  return figure.includes('bytes') ? 1.01 : 1
}

/** Each figure that is above its ceiling, or far below it, with both. What has no ceiling must be 0. */
export function differences(now: Figures, ceilings: Figures): readonly string[] {
  return namesIn(now, ceilings).flatMap(([part, figure]) => {
    const most = ceilings[part]?.[figure] ?? 0
    const count = now[part]?.[figure] ?? 0
    const named = part === 'fleet' ? figure : `${figure} of ${part}`
    if (count > most) return [`${named} rose from ${most} to ${count}`]
    if (count < most * low(figure)) {
      return [`${named} fell from ${most} to ${count}: lower the ceiling (npm run counted -- --lower)`]
    }
    return []
  })
}

/** The lower of both, figure by figure; the present ones if there are no ceilings yet. */
export function lowered(now: Figures, ceilings: Figures | undefined): Figures {
  const lower: Record<string, Record<string, number>> = {}
  for (const [part, figure] of namesIn(now, ceilings ?? {})) {
    const count = now[part]?.[figure] ?? 0
    const most = Math.ceil(count * room(figure))
    const before = ceilings === undefined ? most : ceilings[part]?.[figure] ?? 0
    if (part === 'fleet' || now[part] !== undefined) (lower[part] ??= {})[figure] = Math.min(most, before)
  }
  return lower
}

function namesIn(now: Figures, ceilings: Figures): readonly (readonly [string, string])[] {
  const parts = new Set([...Object.keys(now), ...Object.keys(ceilings)])
  return [...parts].flatMap((part) => {
    const figures = new Set([...Object.keys(now[part] ?? {}), ...Object.keys(ceilings[part] ?? {})])
    return [...figures].map((figure) => [part, figure] as const)
  })
}
