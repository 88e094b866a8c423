import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pkg from '../package.json' with { type: 'json' }

/** Makes `dist/`, which is what is published: the sources as JavaScript with declarations, in the folders they are in. */

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** What the compiler does not know of, and the compiled code looks for beside itself. */
const FILES = ['adapters/store/schema', 'workflows/library']

/** What runs in a Worker is compiled against the types of Workers. */
const PROJECTS = ['tsconfig.build.json', 'adapters/cloudflare/tsconfig.build.json']

rmSync(here('dist'), { recursive: true, force: true })
for (const project of PROJECTS) {
  const args = [here('node_modules/typescript/bin/tsc'), '-p', here(project)]
  if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) process.exit(1)
}
for (const folder of FILES) cpSync(here(folder), here(`dist/${folder}`), { recursive: true })

// The compiled code reads the package.json beside it. Its `exports` mean nothing in that folder, and some bundlers follow them.
writeFileSync(here('dist/package.json'), JSON.stringify({ ...pkg, exports: undefined }))
