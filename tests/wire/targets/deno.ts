import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Program, ROOT } from '../../process/program.ts'
import type { Target } from '../target.ts'
import { flagsOf, serverIn } from './process.ts'

/** As npm has installed it. */
const DENO = join(ROOT, 'node_modules/deno/deno')

/** The orchestrator on Deno, with the permissions that `deno task start` gives it. */
export const deno: Target = {
  name: 'deno',
  sleepsAfterMs: null,
  limits: {},
  answers: [],
  start: (place) => serverIn(new Program(DENO, [...task(place.data), ...flagsOf(place)], { NO_COLOR: '1' })),
}

/**
 * The words of the task, from `run` to the main, so that permissions stand in one place: with leave for the given
 * folder instead of the one that is there by default. It is not run as a task, which would want that folder here.
 */
function task(data: string): readonly string[] {
  const { tasks } = JSON.parse(readFileSync(join(ROOT, 'deno.json'), 'utf8')) as { tasks?: { start?: string } }
  const words = tasks?.start?.replace(/\$\(.*?\)/g, DENO).split(' ') ?? []
  if (!words.includes('run')) throw new Error('deno.json has no task start that runs a main')
  return words.slice(words.indexOf('run')).map((word) => word.replace(/^(--allow-(?:read|write)=)data\b/, `$1${data}`))
}
