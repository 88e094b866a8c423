import process from 'node:process'
import { simulate } from './run.ts'

/** Prints what became of some seeds: the same on every runtime, or something there decides that should not. */
for (const seed of process.argv.slice(2)) console.log(`${seed} ${(await simulate(Number(seed))).hash}`)
