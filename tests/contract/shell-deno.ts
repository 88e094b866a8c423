import { nodePlatform } from '../../adapters/node/platform.ts'
import { shellContract } from './shell.ts'

/** The shell's contract on Deno: one line for each promise that is kept, and the error for the first that is not. */

for (const { name, run } of shellContract('deno', nodePlatform)) {
  await run()
  console.log(name)
}
