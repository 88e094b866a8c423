import { Program } from '../../process/program.ts'
import { denoCommand } from '../../process/runtime.ts'
import type { Target } from '../target.ts'
import { flagsOf, serverIn } from './process.ts'

/** The orchestrator on Deno, with the permissions that `deno task start` gives it. */
export const deno: Target = {
  name: 'deno',
  sleepsAfterMs: null,
  limits: {},
  answers: [],
  start(place) {
    const flags = flagsOf(place)
    const [command, ...own] = denoCommand(flags)
    return serverIn(new Program(command, [...own, 'adapters/deno/main.ts', ...flags], { NO_COLOR: '1' }))
  },
}
