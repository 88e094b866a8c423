import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pkg from '../package.json' with { type: 'json' }

/** Builds `dist/`, the published package: the sources as JavaScript with declarations, in the same folders. */

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** Files that the compiler does not copy, and that the compiled code reads. */
const FILES = ['adapters/store/schema', 'workflows/library']

/** Code for Workers is compiled against the types of Workers. */
const PROJECTS = ['tsconfig.build.json', 'adapters/cloudflare/tsconfig.build.json']

rmSync(here('dist'), { recursive: true, force: true })
for (const project of PROJECTS) {
  const args = [here('node_modules/typescript/bin/tsc'), '-p', here(project)]
  if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) process.exit(1)
}
for (const folder of FILES) cpSync(here(folder), here(`dist/${folder}`), { recursive: true })

// The compiled code reads the package.json beside it. Its `exports` mean nothing in that folder, and some bundlers follow them.
writeFileSync(here('dist/package.json'), JSON.stringify({ ...pkg, exports: undefined }))
