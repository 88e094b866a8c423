import { type ChildProcess, fork, type Serializable } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { treeOf } from '../tests/process/program.ts'

/** A process of the benchmark's own that does what it is asked for, one thing after the other. */
export interface Child {
  readonly pid: number
  /** Asks for something and waits for the answer. Rejects with what went wrong there. */
  ask<T>(task: string, given?: Serializable): Promise<T>
  end(): void
}

type Answer = { readonly value: unknown } | { readonly error: string }

/** Starts a file that calls `serveTasks`. `flags`: those of Node besides. */
export function startChild(url: URL, flags: readonly string[] = []): Child {
  const file = fileURLToPath(url)
  const child = fork(file, [], {
    execArgv: ['--import', 'tsx', ...flags],
    serialization: 'advanced',
  })
  return {
    pid: child.pid ?? 0,
    async ask<T>(task: string, given: Serializable = {}) {
      const answer = answerOf(child, file)
      child.send([task, given])
      const reply = await answer
      if ('error' in reply) throw new Error(`${file}: ${reply.error}`)
      return reply.value as T
    },
    end: () => void child.kill(),
  }
}

async function answerOf(child: ChildProcess, file: string): Promise<Answer> {
  const settled = new AbortController()
  try {
    const { signal } = settled
    return await Promise.race([
      once(child, 'message', { signal }).then(([answer]) => answer as Answer),
      once(child, 'exit', { signal }).then(([code]) => ({ error: `${file} has ended with status ${code}` })),
    ])
  } finally {
    settled.abort()
  }
}

/** The other end: what this process can be asked for. It ends when nobody can ask any more. */
export function serveTasks(tasks: Readonly<Record<string, (given: never) => unknown>>): void {
  process.on('message', ([task, given]: readonly [string, never]) => {
    Promise.resolve().then(() => tasks[task]?.(given)).then(
      (value) => process.send?.({ value }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    )
  })
  process.on('disconnect', () => process.exit(0))
}

/** CPU time of a process so far, in milliseconds. */
export interface Cpu {
  /** All threads: the event loop, the collector, the compiler, the pool. */
  readonly all: number
  /** The thread that runs the event loop. */
  readonly loop: number
}

/** Linux counts in ticks of 10 ms. */
const TICK_MS = 10

/** Throws where there is no `/proc`. */
export function cpuOf(pid: number): Cpu {
  return { all: ticks(`/proc/${pid}/stat`) * TICK_MS, loop: ticks(`/proc/${pid}/task/${pid}/stat`) * TICK_MS }
}

/** Milliseconds of CPU of a process and all that it has started. */
export function cpuOfTree(root: number): number {
  return treeOf(root).reduce((sum, pid) => sum + cpuOf(pid).all, 0)
}

function ticks(file: string): number {
  const text = readFileSync(file, 'latin1')
  // The name of the program, in brackets, may itself hold blanks and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** Flags of a process whose memory is measured. */
export const COLLECTS = ['--import', new URL('./e2e/collect.ts', import.meta.url).href]
/** A collection is done by then. */
const COLLECT_MS = 1_500

/** Resident bytes of a process that was started with `COLLECTS`, after garbage collections. */
export async function collected(pid: number): Promise<number> {
  for (let n = 0; n < 2; n++) {
    process.kill(pid, 'SIGUSR2')
    await setTimeout(COLLECT_MS)
  }
  return 1_024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
}
