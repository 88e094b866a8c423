import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Program, ROOT } from '../../process/program.ts'
import type { Target } from '../target.ts'
import { flagsOf, serverIn } from './process.ts'

/** The orchestrator on Deno, as `deno task start` runs it. */
export const deno: Target = {
  name: 'deno',
  sleepsAfterMs: null,
  limits: {},
  answers: [],
  start: (place) => serverIn(new Program('node_modules/.bin/deno', [...task(), ...flagsOf(place)], { NO_COLOR: '1' })),
}

/**
 * The task's own words, less the name of the program: permissions and all stand in one place. It is not run as a task,
 * for that looks for a `deno` among the npm packages first, and finds the one that is installed as such.
 */
function task(): readonly string[] {
  const { tasks } = JSON.parse(readFileSync(join(ROOT, 'deno.json'), 'utf8')) as { tasks?: { start?: string } }
  if (tasks?.start === undefined) throw new Error('deno.json has no task that is called start')
  return tasks.start.split(' ').slice(1)
}
