import { describe, expect, test } from 'vitest'
import { differences, lowered, readCeilings } from './counted/ceilings.ts'
import { CONVERSATIONS } from './counted/conversations.ts'
import { figuresOfConversation } from './counted/measure.ts'

/**
 * The work of each conversation, counted: what no busy machine changes. A figure above its ceiling is a change for the
 * worse, and one far below it a ceiling that no longer protects what was gained.
 */

const ceilings = readCeilings()

describe('counted work', () => {
  for (const name of Object.keys(CONVERSATIONS)) {
    test(name, async () => {
      expect(differences(await figuresOfConversation(name), ceilings[name] ?? {})).toEqual([])
    })
  }

  test('there is a ceiling for nothing else', () => {
    expect(Object.keys(ceilings).filter((name) => CONVERSATIONS[name] === undefined)).toEqual([])
  })
})

const FIGURES = { fleet: { turns: 3, pages: 33 }, jobs: { rows: 3, columns: 163 } }

describe('a figure', () => {
  test('that rose is named, with what it was', () => {
    const now = { ...FIGURES, jobs: { rows: 4, columns: 163 }, robots: { rows: 1 } }
    expect(differences(now, FIGURES)).toEqual(['rows of jobs rose from 3 to 4', 'rows of robots rose from 0 to 1'])
  })

  test('that fell by more than a tenth asks for a lower ceiling', () => {
    const now = { fleet: { turns: 2, pages: 30 }, jobs: { rows: 3, columns: 150 } }
    const advice = 'lower the ceiling (npm run counted -- --lower)'
    expect(differences(now, FIGURES)).toEqual([`turns fell from 3 to 2: ${advice}`])
    expect(differences({ fleet: FIGURES.fleet }, FIGURES)).toEqual([
      `rows of jobs fell from 3 to 0: ${advice}`,
      `columns of jobs fell from 163 to 0: ${advice}`,
    ])
  })

  test('is lowered to what is counted, and never raised', () => {
    const now = { fleet: { turns: 2, pages: 40 }, robots: { rows: 1 } }
    expect(lowered(now, FIGURES)).toEqual({ fleet: { turns: 2, pages: 33 }, robots: { rows: 0 } })
    expect(lowered(now, undefined)).toEqual(now)
    expect(lowered({ fleet: { parameter_bytes: 1_000 } }, undefined)).toEqual({ fleet: { parameter_bytes: 1_010 } })
  })

  test('of allocations, which is a sample, has more room', () => {
    expect(lowered({ fleet: { allocated_bytes: 1_000 } }, undefined)).toEqual({ fleet: { allocated_bytes: 1_200 } })
    const most = { fleet: { allocated_bytes: 1_000 } }
    for (const near of [810, 1_000]) expect(differences({ fleet: { allocated_bytes: near } }, most)).toEqual([])
    for (const far of [790, 1_001]) expect(differences({ fleet: { allocated_bytes: far } }, most)).toHaveLength(1)
  })
})
