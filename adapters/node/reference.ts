import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The time for the robot to finish its jobs when the orchestrator stops. */
const ROBOT_STOP_MS = 20_000
const RESTART_MS = 2_000

/** TypeScript beside TypeScript, JavaScript beside JavaScript. */
const PROGRAM = fileURLToPath(new URL(`../../robot/reference${extname(import.meta.url)}`, import.meta.url))

/** The reference robot as a separate process: like any robot it has only the orchestrator's address and a key. */
export interface ReferenceRobot {
  /** Lets the robot finish and report its jobs; kills it after `ROBOT_STOP_MS`. */
  stop(): Promise<void>
}

/** The way this runtime runs a TypeScript file in a process of its own. */
export interface RobotProcess {
  /** The arguments before the file. `folders` are those that the robot reads and writes. */
  args(folders: readonly string[]): readonly string[]
  /** The part of our environment that it may have. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The robot's complete configuration. */
export interface RobotEnvironment extends Readonly<Record<string, string>> {
  readonly CASARE_ROBOT_FILES: string
  readonly CASARE_ROBOT_STATE: string
}

/** Variables that a process needs from its system: paths, language, time zone, and trusted certificates. */
const NEEDED =
  /^(PATH|TMPDIR|TEMP|TMP|SYSTEMROOT|WINDIR|TZ|LANG|LC_\w+|NODE_(OPTIONS|EXTRA_CA_CERTS|V8_COVERAGE)|SSL_CERT_(FILE|DIR))$/i

/**
 * The robot's own settings, and the variables that its process needs. Jobs could reveal all others: tokens of databases
 * and clouds.
 */
export function inheritedEnvironment(env: RobotProcess['env']): RobotProcess['env'] {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => NEEDED.test(name) || name.startsWith('CASARE_ROBOT_')),
  )
}

/** Starts the robot, and restarts it when it exits by itself. */
export function startReferenceRobot(how: RobotProcess, env: RobotEnvironment): ReferenceRobot {
  let child: ChildProcess | null = null
  let stopping = false
  let restart: NodeJS.Timeout | undefined

  function start(): void {
    // A separate process group, so that Ctrl-C reaches the robot through this process, in order; and an IPC channel, by
    // which it notices that this process is gone.
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
