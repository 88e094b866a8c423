import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { drawStates } from './states.ts'

test('docs/STATES.md is what the tables say', () => {
  const page = new URL('../docs/STATES.md', import.meta.url)
  if (process.env['BLESS'] === '1') writeFileSync(page, drawStates())
  expect(readFileSync(page, 'utf8')).toBe(drawStates())
})
