import { expect, test } from 'vitest'
import { problemWithNode } from '../../adapters/node/version.ts'
import pkg from '../../package.json' with { type: 'json' }

test.each(['20.16.0', '20.20.2', '21.0.0', '22.1.0', '24.0.0-rc.1', '100.0.0', process.versions.node])(
  'Node %s will do',
  (running) => expect(problemWithNode(running, pkg.engines.node)).toBeNull(),
)

test.each(['18.20.8', '20.15.1', '20.0.0', '4.9.1'])('Node %s is too old', (running) => {
  expect(problemWithNode(running, pkg.engines.node)).toBe(`Node 20.16 or newer is needed, and this is Node ${running}`)
})
