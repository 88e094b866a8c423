import { expect, test } from 'vitest'
import { chosen, TARGETS } from './targets.ts'

/** The choice of tested runtimes is never left to chance. */

test('no name chooses all, a name that one, and any other throws', () => {
  expect(chosen(undefined)).toBe(TARGETS)
  expect(chosen('')).toBe(TARGETS)
  for (const target of TARGETS) expect(chosen(target.name)).toEqual([target])
  expect(() => chosen('nodejs')).toThrow(/^TARGET must be .*node.*, not "nodejs"$/)
})

test('a test is left out of a target with a link to the platform, and no answer differs without one', () => {
  for (const { limits, answers } of TARGETS) {
    for (const link of [...Object.values(limits), ...answers.map((answer) => answer.link)]) {
      expect(link).toMatch(/^https:\/\/\S+$/)
    }
  }
  // The first is what the others are compared with.
  expect(TARGETS[0]?.answers).toEqual([])
})
