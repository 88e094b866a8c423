import process from 'node:process'
import { simulate } from './run.ts'

/** Prints the hashes of some seeds. They are equal on every runtime, unless something runtime-specific has decided. */
for (const seed of process.argv.slice(2)) console.log(`${seed} ${(await simulate(Number(seed))).hash}`)
