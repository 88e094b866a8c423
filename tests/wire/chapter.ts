import { afterAll, beforeAll, beforeEach, describe, expect } from 'vitest'
import { cleanUp } from '../process/program.ts'
import { Server } from './server.ts'
import type { Place } from './target.ts'
import { chosen } from './targets.ts'
import { closeAll } from './wire.ts'

/** The longest start of a runtime: one of them bundles its source first. */
const START_MS = 120_000

/**
 * A chapter of the suite: its tests run against each target that `TARGET` chooses, all with one server, which must have
 * complained of nothing in the end. Tests that the platform's limits rule out are skipped, with the page that says so.
 */
export function chapter(name: string, tests: (server: Server) => void, settings: Place['settings'] = {}): void {
  describe.each(chosen(process.env['TARGET']).map((target) => [target.name, target] as const))(
    `%s: ${name}`,
    (_, target) => {
      const server = new Server(target, settings)
      beforeAll(() => server.start(), START_MS)
      beforeEach(({ task, skip }) => {
        const limit = Object.entries(target.limits).find(([test]) => task.name.startsWith(test))
        if (limit !== undefined) skip(limit[1])
      })
      // Registered first, and so run last: no process is left even if another hook fails.
      afterAll(cleanUp)
      afterAll(async () => {
        closeAll()
        await server.stop()
        expect(server.faults()).toBe('')
      }, START_MS)
      tests(server)
    },
  )
}
