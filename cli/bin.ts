#!/usr/bin/env node
import { requireNode } from '../adapters/node/version.ts'

/** The `casare` command. The rest is imported only after the check that this Node can read it. */

requireNode()
// Stack traces show the lines of the sources in every module that is loaded after this.
process.setSourceMapsEnabled(true)
const [{ main }, { startCommand }] = await Promise.all([import('./main.ts'), import('../adapters/node/options.ts')])
const start = startCommand('start', async (options) => {
  const [{ runOrchestrator }, { NODE_ROBOT }] = await Promise.all([
    import('../adapters/node/process.ts'),
    import('../adapters/node/index.ts'),
  ])
  await runOrchestrator(NODE_ROBOT, options)
})
process.exitCode = await main(process.argv.slice(2), start)
