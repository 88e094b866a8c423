import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ROOT, RUNTIME } from './runtime.ts'

/** Real processes and temporary files. `cleanUp` removes everything that was started or made here. */

/** The orchestrator's main on the runtime that is tested. */
export const MAIN = RUNTIME.main
/** The longest wait for output of a process. */
const SAID_MS = 60_000

/** The robot that the server starts in a process group of its own: `.ts` here, `.js` where it is installed. */
export const ROBOT = 'robot/reference.'

const programs = new Set<Program>()
const folders = new Set<string>()

// A test that fails half-way, or a runner that stops early, must leave no process behind.
process.on('exit', () => {
  for (const program of programs) program.killAll()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

// Without these a signal would end us before that, and the servers would live on: they are not in our group.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

/**
 * Ends every process that is left and removes every folder. For the end of a script, and for `afterAll`: registered
 * before any other, for hooks run last to first, and one that fails does not keep the next from running.
 */
export async function cleanUp(): Promise<void> {
  for (const program of programs) program.killAll()
  await Promise.all([...programs].map((program) => program.closed))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  folders.clear()
}

/** An empty folder that goes with `cleanUp`. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'casare-process-'))
  folders.add(folder)
  return folder
}

/**
 * A port that is free now, below those that the system hands out by itself: nobody gets it by chance while a server
 * that was killed is on its way back, and no client connects to itself there.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}

/** Every process of this machine that still runs. */
function processes(): ReadonlyMap<number, { readonly parent: number; readonly args: string }> {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).split('\n')
  return new Map(lines.flatMap((line) => {
    const [, pid, parent, state, args = ''] = /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? []
    // One that has ended, and that nobody has asked about yet, is still in the list.
    return pid === undefined || state?.startsWith('Z') === true ? [] : [[Number(pid), { parent: Number(parent), args }]]
  }))
}

/** A process and everything that it and its children have started: a parent before its children. */
export function treeOf(root: number): readonly number[] {
  const all = [...processes()]
  const tree = [root]
  for (const pid of tree) tree.push(...all.filter(([, { parent }]) => parent === pid).map(([child]) => child))
  return tree
}

/** The open files of a process, according to Linux; undefined elsewhere. */
function openFiles(pid: number): readonly string[] | undefined {
  const folder = `/proc/${pid}/fd`
  if (!existsSync('/proc/self/fd')) return undefined
  try {
    return readdirSync(folder).map((number) => readlinkSync(join(folder, number)))
  } catch {
    // It has ended, or has closed one meanwhile.
    return []
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** One process with what it has written so far. */
export class Program {
  out = ''
  err = ''
  /** The exit status, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals | null>
  /** Resolves when nobody can write to its output any more: the children that share it are gone too. */
  readonly closed: Promise<void>
  readonly pid: number
  readonly #child: ChildProcess
  readonly #looks = new Set<() => void>()
  #over = false
  #orphans: readonly number[] = []

  /**
   * Runs a TypeScript file of this project, or with `npm start` or `npx deno task start` what that runs, or any other
   * program, with the environment of the tests, less everything that is ours. The orchestrator's main runs on the runtime
   * that is tested, everything else on Node.
   */
  constructor(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd: string = ROOT) {
    const [command = file, ...own] = commandOf(file, args)
    const clean = Object.entries(process.env).filter(([name]) =>
      !/^(CASARE_|NODE_OPTIONS|VITEST|npm_|TARGET$|RUNTIME$)/.test(name)
    )
    // A process group of its own, so that a test can signal the whole group as a terminal does, without ending itself.
    this.#child = spawn(command, own, {
      cwd,
      env: { ...Object.fromEntries(clean), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    if (this.#child.pid === undefined) throw new Error(`${file} could not be started`)
    this.pid = this.#child.pid
    programs.add(this)
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#collect('out', text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#collect('err', text))
    this.exited = new Promise((resolve) => this.#child.on('exit', (code, signal) => resolve(code ?? signal)))
    this.closed = new Promise((resolve) => {
      this.#child.on('close', () => {
        this.#over = true
        programs.delete(this)
        for (const look of this.#looks) look()
        resolve()
      })
    })
  }

  /** True while the process itself is running. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves when the output matches, now or later. Rejects with all of it when it never will. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer)
        this.#looks.delete(look)
        settle()
      }
      const story = (what: string): Error => new Error(`${what} ${pattern}\n${this.out}${this.err}`)
      const look = (): void => {
        const match = pattern.exec(this.out)
        if (match !== null) end(() => resolve(match))
        else if (this.#over) end(() => reject(story('it ended without saying')))
      }
      const timer = setTimeout(() => end(() => reject(story(`it did not say within ${SAID_MS} ms`))), SAID_MS)
      this.#looks.add(look)
      look()
    })
  }

  /** Resolves when the process, or what it has started, has this file open: at once where the system does not show that. */
  async opened(file: string): Promise<void> {
    const open = (pid: number): boolean => openFiles(pid)?.includes(realpathSync(file)) ?? true
    while (this.running && !treeOf(this.pid).some(open)) await pause(10)
  }

  /** Signals the process, or its whole group. */
  signal(name: NodeJS.Signals, to: 'process' | 'group' = 'process'): void {
    if (this.running) process.kill(to === 'group' ? -this.pid : this.pid, name)
  }

  /** The processes that this one has started and that run the given file. */
  children(file: string): readonly number[] {
    return [...processes()].filter(([, { parent, args }]) => parent === this.pid && args.includes(file)).map(([pid]) =>
      pid
    )
  }

  /** Remembers the robot of this process, since it cannot be found once the process is gone. */
  noteRobot(): void {
    this.#orphans = this.children(ROBOT)
  }

  /** `kill -9` of the process and of everything that it has started. Resolves when all of that is gone. */
  async killTree(): Promise<void> {
    const tree = this.running ? treeOf(this.pid) : []
    for (const pid of tree) killNow(pid)
    this.#killGroup()
    while (tree.some((pid) => processes().has(pid))) await pause(10)
    await this.closed
  }

  /** Ends the process and everything that it has started. */
  killAll(): void {
    const tree = this.running
      ? treeOf(this.pid)
      : this.#orphans.filter((pid) => processes().get(pid)?.args.includes(ROBOT))
    for (const pid of tree) killNow(pid)
    this.#killGroup()
  }

  /** Children of a process that exited by itself are no longer its children, but still in its group. */
  #killGroup(): void {
    if (!this.#over) killNow(-this.pid)
  }

  #collect(stream: 'out' | 'err', text: string): void {
    this[stream] += text
    for (const look of this.#looks) look()
  }
}

function commandOf(file: string, args: readonly string[]): readonly string[] {
  if (file === 'npm start') return ['npm', 'start', '--', ...args]
  if (file === 'npx deno task start') return ['npx', 'deno', 'task', 'start', ...args]
  if (file === MAIN) return [...RUNTIME.command(args), file, ...args]
  return file.endsWith('.ts') ? [process.execPath, '--import', 'tsx', file, ...args] : [file, ...args]
}
