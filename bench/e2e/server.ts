import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { COLLECTS } from '../child.ts'

/** The orchestrator as a real process, started as in production. */
export interface Server {
  readonly pid: number
  readonly httpPort: number
  readonly robotUrl: string
  readonly adminKey: string
  /** Commits so far. */
  commits(): number
  /** Asks the API. Throws on anything but success. */
  api<T>(path: string, body?: object): Promise<T>
  stop(): Promise<void>
}

const READY = /API +http:\S+:(\d+)\/[\s\S]*Robots +(ws:\S+)[\s\S]*Admin key +(\S+)[\s\S]*Ready/

/** Starts it on free ports and an empty folder. With `profile`, it leaves a CPU profile there when it stops. */
export async function startServer(data: string, profile: string | null): Promise<Server> {
  const child = spawn(process.execPath, [
    ...(profile === null ? [] : ['--cpu-prof', '--cpu-prof-interval=250', `--cpu-prof-dir=${profile}`]),
    '--import',
    'tsx',
    ...COLLECTS,
    'adapters/node/main.ts',
    '--no-robot',
    // Measure the capacity, not the limit of one key.
    '--settings',
    'tests/unlimited.json',
    '--data',
    data,
    '--http-port',
    '0',
    '--robot-port',
    '0',
  ], { cwd: fileURLToPath(new URL('../../', import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] })
  const [, port, robotUrl, adminKey] = await announcement(child)
  const base = `http://127.0.0.1:${port}`
  return {
    pid: child.pid ?? 0,
    httpPort: Number(port),
    robotUrl: robotUrl ?? '',
    adminKey: adminKey ?? '',
    commits: () => commitsOf(join(data, 'orchestrator.db')),
    async api<T>(path: string, body?: object): Promise<T> {
      const response = await fetch(`${base}${path}`, {
        headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      })
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return await response.json() as T
    },
    async stop() {
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      await exit
    },
  }
}

/** Reads the server's banner. The stream stays open: a server would fail if its output were not read. */
function announcement(child: ChildProcess): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = READY.exec(text)
      if (found !== null) resolve(found)
    })
    child.once('exit', (code) => reject(new Error(`the server has ended with status ${code}: ${text}`)))
  })
}

/** The third word of a WAL's shared memory counts its transactions; reading it does not affect the database. */
function commitsOf(database: string): number {
  const file = openSync(`${database}-shm`, 'r')
  const word = Buffer.alloc(4)
  readSync(file, word, 0, 4, 8)
  closeSync(file)
  return word.readUInt32LE()
}
