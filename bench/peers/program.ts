import { type ChildProcess, spawn, type SpawnOptions, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { now } from './job.ts'
import type { Connection, Running } from './system.ts'

/** A program that was started here and is stopped here. */
export interface Program {
  readonly pid: number
  /** Waits until it has printed this, and returns all that it has printed so far. */
  printed(text: RegExp): Promise<string>
  stop(signal?: NodeJS.Signals): Promise<void>
}

const READY_MS = 120_000

/**
 * Starts a program and waits until `answers` resolves with true. Throws with what the program printed if it ends
 * before. `ms` is the time that it took.
 */
export async function startProgram(
  command: string,
  args: readonly string[],
  answers: () => Promise<boolean>,
  options: SpawnOptions = {},
): Promise<Program & { readonly ms: number }> {
  const begin = now()
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => printed = (printed + chunk.toString()).slice(-4_000))
  }
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${command} has ended with ${code}: ${printed}`)))
  })
  // The loop below has the error; after it the end is expected.
  failed.catch(() => {})
  while (!await Promise.race([failed, answers().catch(() => false)])) {
    if (now() - begin > READY_MS) throw new Error(`${command} does not answer: ${printed}`)
    await setTimeout(2)
  }
  const ms = now() - begin
  return {
    pid: child.pid ?? 0,
    ms,
    async printed(text) {
      while (!text.test(printed)) await Promise.race([failed, setTimeout(2)])
      return printed
    },
    stop: (signal) => stop(child, signal),
  }
}

/** A system that runs in one program, which `start` starts again on the same data. */
export function runningIn(
  connection: Connection,
  first: Program & { readonly ms: number },
  start: () => Promise<Program & { readonly ms: number }>,
  { stopSignal, pidsOf = (pid) => [pid] }: {
    readonly stopSignal?: NodeJS.Signals
    /** The processes of a program, by the first of them. */
    readonly pidsOf?: (pid: number) => readonly number[]
  } = {},
): Running {
  let program = first
  return {
    connection,
    pids: () => pidsOf(program.pid),
    async restart() {
      await program.stop(stopSignal)
      program = await start()
      return program.ms
    },
    stop: () => program.stop(stopSignal),
  }
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

/** A port of this machine that is free at present. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('there is no free port')
  return address.port
}

/** Resident memory in bytes; what several processes share counts once. */
export function residentBytes(pids: readonly number[]): number {
  const [file, line] = pids.length === 1
    ? ['status', /^VmRSS:\s+(\d+) kB$/m] as const
    : ['smaps_rollup', /^Pss:\s+(\d+) kB$/m] as const
  const kilobytes = (pid: number): number =>
    Number(line.exec(readFileSync(`/proc/${pid}/${file}`, 'latin1'))?.[1] ?? Number.NaN)
  return pids.reduce((bytes, pid) => bytes + kilobytes(pid) * 1_024, 0)
}

/** A process and those that it has started. */
export function familyOf(pid: number): readonly number[] {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((other) => {
    try {
      const text = readFileSync(`/proc/${other}/stat`, 'latin1')
      return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]) === pid
    } catch {
      return false
    }
  })
  return [pid, ...children]
}

/** Installs a package of Debian if a program of it is absent. Throws where that is not possible. */
export function requireProgram(found: () => string | null, debianPackage: string): string {
  const path = found()
  if (path !== null) return path
  process.stderr.write(`peers: installing ${debianPackage}\n`)
  for (const args of [['update', '-qq'], ['install', '-y', '-qq', '--no-install-recommends', debianPackage]]) {
    const { status } = spawnSync('apt-get', args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    if (status !== 0) throw new Error(`${debianPackage} is absent, and apt-get could not install it`)
  }
  const installed = found()
  if (installed === null) throw new Error(`${debianPackage} does not bring the program`)
  return installed
}

/** The first of these paths that exists. */
export function firstOf(paths: readonly string[]): string | null {
  return paths.find((path) => existsSync(path)) ?? null
}
