import { Program } from '../../process/program.ts'
import type { Target } from '../target.ts'
import { flagsOf, serverIn } from './process.ts'

/** The orchestrator on the Node that runs the tests. */
export const node: Target = {
  name: 'node',
  sleepsAfterMs: null,
  limits: {},
  answers: [],
  start: (place) => serverIn(new Program('adapters/node/main.ts', flagsOf(place))),
}
