import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from '../../process/program.ts'
import { readBanner } from '../banner.ts'
import type { Place, Running } from '../target.ts'

/** Common to Node and Deno: a process with flags, which prints its addresses. */

/** The flags that start a server in its place. */
export function flagsOf({ data, ports, settings }: Place): readonly string[] {
  const file = join(data, 'settings.json')
  writeFileSync(file, JSON.stringify(settings))
  const [http, robots] = ports
  return [
    '--data',
    data,
    '--http-port',
    String(http),
    '--robot-port',
    String(robots),
    '--settings',
    file,
    '--no-robot',
  ]
}

/** The server that the process becomes. */
export async function serverIn(program: Program): Promise<Running> {
  const { http, robots, admin } = await readBanner(program)
  return {
    http,
    robots,
    admin,
    pid: program.pid,
    kill: () => program.killTree(),
    signal: (name) => program.signal(name),
    async stop() {
      program.signal('SIGINT')
      const status = await program.exited
      await program.closed
      if (status !== 0) throw new Error(`it ended with ${status}: ${program.out}${program.err}`)
    },
    faults: () => program.err,
  }
}
