import { expect, test } from 'vitest'
import { chosen, TARGETS } from './targets.ts'

/** Which runtimes are tested is never left to chance. */

test('no name chooses all, a name that one, and any other throws', () => {
  expect(chosen(undefined)).toBe(TARGETS)
  expect(chosen('')).toBe(TARGETS)
  for (const target of TARGETS) expect(chosen(target.name)).toEqual([target])
  expect(() => chosen('nodejs')).toThrow(/^TARGET must be .*node.*, not "nodejs"$/)
})

test('a test is left out of a target with a link to the platform, and not otherwise', () => {
  for (const { limits } of TARGETS) {
    for (const link of Object.values(limits)) expect(link).toMatch(/^https:\/\/\S+$/)
  }
})
