import { ORIGINAL } from './mutants/mutant.ts'
import { type Outcome, simulate, WHOLE } from './run.ts'
import { shrink } from './shrink.ts'

/**
 * The simulator by hand. Stops at the first seed that fails and shows the last of what happened; a range of seeds is
 * run to its end. What failed is made as small as it gets.
 */

const USAGE = 'usage: node --import tsx tests/sim/main.ts --seed N | --seeds A..B | --minutes M [--trace LINES]'
const TRACE_LINES = 80

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`)
  return at === -1 ? undefined : process.argv[at + 1]
}

function* seeds(): Generator<number> {
  const one = option('seed')
  if (one !== undefined) return void (yield Number(one))
  const range = option('seeds')?.split('..').map(Number)
  const minutes = option('minutes')
  if (range === undefined && minutes === undefined) throw new Error(USAGE)
  const [from = 1, to = from] = range ?? [process.pid * 1_000_003 % 1_000_000_000, Infinity]
  const until = performance.now() + Number(minutes ?? Infinity) * 60_000
  for (let seed = from; seed <= to && performance.now() < until; seed++) yield seed
}

function show(outcome: Outcome): void {
  const { seed, hash, faultRates, jobs, robotHours, failure } = outcome
  console.log(`seed ${seed}: ${failure?.message ?? 'fine'}`)
  console.log(`  hash ${hash}, ${jobs} jobs, ${robotHours.toFixed(1)} robot-hours`)
  console.log(`  faults: ${faultRates}`)
}

/** Shows the end of what happened, in the smallest run that still fails. */
async function explain(failed: Outcome): Promise<void> {
  const { seed } = failed
  const { scale, outcome } = failed.failure === null
    ? { scale: WHOLE, outcome: failed }
    : await shrink(failed, ORIGINAL)
  const { trace, failure } = await simulate(seed, ORIGINAL, true, scale)
  for (const line of trace.slice(-Number(option('trace') ?? TRACE_LINES))) console.log(`  ${line.slice(0, 200)}`)
  if (failure === null) return
  console.log(`\n${failure.stack}`)
  const { faultTime, robots } = scale
  console.log(
    `\nThe smallest run that still fails: at most ${robots} robots, ${
      faultTime * 100
    } % of the time with faults, and only`,
  )
  console.log(`  ${outcome.faultRates}`)
}

const began = performance.now()
const started = process.cpuUsage()
const marks = new Map<string, number>()
const load = new Map<string, number>()
let count = 0
let hours = 0
let failed = 0
for (const seed of seeds()) {
  if (count === 0) console.log(`first seed: ${seed}`)
  const outcome = await simulate(seed)
  count++
  hours += outcome.robotHours
  for (const [what, amount] of Object.entries(outcome.load)) load.set(what, (load.get(what) ?? 0) + amount)
  for (const [mark, times] of outcome.marks) marks.set(mark, (marks.get(mark) ?? 0) + times)
  if (outcome.failure !== null || option('seed') !== undefined) show(outcome)
  if (outcome.failure === null) continue
  failed++
  if (option('seeds') !== undefined && option('trace') === undefined) continue
  await explain(outcome)
  break
}
const seconds = (performance.now() - began) / 1000
// CPU time, so that other load on the machine does not matter.
const cpu = process.cpuUsage(started)
const busy = (cpu.user + cpu.system) / 1_000_000
const rate = (amount: number): string => (amount / busy).toFixed(0)
console.log(`${count} seeds, ${failed} failed, ${hours.toFixed(0)} robot-hours in ${seconds.toFixed(1)} s`)
console.log(`a second of one core: ${rate(count)} seeds, ${rate(hours)} robot-hours`)
console.log(`an hour of a robot: ${[...load].map(([what, sum]) => `${(sum / hours).toFixed(1)} ${what}`).join(', ')}`)
console.log([...marks].map(([mark, times]) => `  ${times} x ${mark}`).toSorted().join('\n'))
process.exitCode = failed === 0 ? 0 : 1
