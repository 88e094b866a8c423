import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How long the robot may take to finish its jobs when the orchestrator stops. */
const ROBOT_STOP_MS = 20_000
const RESTART_MS = 2_000

/** TypeScript beside TypeScript, JavaScript beside JavaScript. */
const PROGRAM = fileURLToPath(new URL(`../../robot/reference${extname(import.meta.url)}`, import.meta.url))

/** The reference robot in a process of its own: it knows the orchestrator by its address and its key, as any robot. */
export interface ReferenceRobot {
  /** Lets it finish its jobs and report them; kills it when that takes too long. */
  stop(): Promise<void>
}

/** How this runtime runs a TypeScript file in a process of its own. */
export interface RobotProcess {
  /** What stands before the file. `folders` are those that the robot reads and writes. */
  args(folders: readonly string[]): readonly string[]
  /** What it may have of our environment. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The robot's whole configuration. */
export interface RobotEnvironment extends Readonly<Record<string, string>> {
  readonly CASARE_ROBOT_FILES: string
  readonly CASARE_ROBOT_STATE: string
}

/** What a process needs of its system: where things are, which language and time it is, and whose certificates are trusted. */
const NEEDED =
  /^(PATH|TMPDIR|TEMP|TMP|SYSTEMROOT|WINDIR|TZ|LANG|LC_\w+|NODE_(OPTIONS|EXTRA_CA_CERTS|V8_COVERAGE)|SSL_CERT_(FILE|DIR))$/i

/** The robot's own settings, and what its process needs. Jobs could tell what else is there: tokens of databases and clouds. */
export function inheritedEnvironment(env: RobotProcess['env']): RobotProcess['env'] {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => NEEDED.test(name) || name.startsWith('CASARE_ROBOT_')),
  )
}

/** Starts the robot, and starts it again when it ends by itself. */
export function startReferenceRobot(how: RobotProcess, env: RobotEnvironment): ReferenceRobot {
  let child: ChildProcess | null = null
  let stopping = false
  let restart: NodeJS.Timeout | undefined

  function start(): void {
    // A process group of its own, so that Ctrl-C reaches it through us, in its turn; and a channel to us, by which it
    // notices when we are gone.
    const folders = [env.CASARE_ROBOT_FILES, dirname(env.CASARE_ROBOT_STATE)]
    child = spawn(process.execPath, [...how.args(folders), PROGRAM], {
      env: { ...inheritedEnvironment(how.env), ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
      cwd: fileURLToPath(new URL('../../', import.meta.url)),
    })
    child.on('exit', (code) => {
      child = null
      if (stopping) return
      process.stderr.write(`the reference robot has ended with status ${code}; starting it again\n`)
      restart = setTimeout(start, RESTART_MS)
    })
  }

  start()
  return {
    async stop() {
      stopping = true
      clearTimeout(restart)
      if (child === null) return
      const running = child
      const exit = once(running, 'exit')
      running.kill('SIGTERM')
      const timer = setTimeout(() => running.kill('SIGKILL'), ROBOT_STOP_MS)
      await exit
      clearTimeout(timer)
    },
  }
}
