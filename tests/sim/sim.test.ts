import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ORIGINAL } from './mutants/mutant.ts'
import { CANARY, findMutant, MUTANTS } from './mutants/mutants.ts'
import { type Outcome, simulate } from './run.ts'
import { shrink } from './shrink.ts'
import { MARKS } from './trace.ts'

/** The simulator in its short form: the same seeds every time. `main.ts` takes others, and more of them. */

const SEEDS = Array.from({ length: 90 }, (_, index) => index + 1)
const KEPT = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8').split('\n')
  .filter((line) => /^\d/.test(line))
  .map((line) => Number.parseInt(line, 10))
const TIMEOUT_MS = 900_000

test('no seed breaks a rule, and together they reach every rare branch', async () => {
  const reached = new Set<string>()
  for (const seed of [...SEEDS, ...KEPT]) {
    const outcome = await simulate(seed)
    expect(outcome.failure, describeFailure(outcome)).toBeNull()
    for (const mark of outcome.marks.keys()) reached.add(mark)
  }
  expect(MARKS.filter((mark) => !reached.has(mark))).toEqual([])
}, TIMEOUT_MS)

test('one seed decides everything', async () => {
  for (const seed of [7, 8, 9]) {
    const [once, again] = [await simulate(seed), await simulate(seed)]
    expect(again.hash).toBe(once.hash)
    expect(again.happened).toBe(once.happened)
  }
  expect((await simulate(7)).hash).not.toBe((await simulate(8)).hash)
}, TIMEOUT_MS)

test('a seed is the same run on Deno', async () => {
  const deno = fileURLToPath(new URL('../../node_modules/.bin/deno', import.meta.url))
  const script = fileURLToPath(new URL('hashes.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(deno, ['run', '--no-check', '-A', script, '7', '8', '9'])
  const here: string[] = []
  for (const seed of [7, 8, 9]) here.push(`${seed} ${(await simulate(seed)).hash}`)
  expect(stdout.trim().split('\n')).toEqual(here)
}, TIMEOUT_MS)

test('a failing run is made smaller, and still fails', async () => {
  const mutant = { ...ORIGINAL, ...CANARY }
  const failed = await simulate(4, mutant)
  const { scale, outcome } = await shrink(failed, mutant)
  expect(outcome.failure?.message).toBe(failed.failure?.message)
  expect(scale.robots).toBe(1)
  expect(scale.without).toEqual(failed.faultKinds)
}, TIMEOUT_MS)

test('tracing a run does not change it', async () => {
  const [quiet, traced] = [await simulate(9), await simulate(9, ORIGINAL, true)]
  expect(traced.hash).toBe(quiet.hash)
  expect(traced.trace.length).toBeGreaterThan(100)
})

test('a rule that cannot hold is reported', async () => {
  const { failure } = await simulate(1, CANARY)
  expect(failure?.message).toBe('canary: no job is ever written')
})

test.each(MUTANTS)('mutant: $bug', async (known) => {
  const outcome = await findMutant(known)
  expect(outcome, 'no seed found it: a rule is missing').not.toBeNull()
}, TIMEOUT_MS)

function describeFailure({ seed, failure, faultRates }: Outcome): string {
  return `seed ${seed}: ${failure?.message}\n  faults: ${faultRates}\n  npm run sim -- --seed ${seed}`
}
