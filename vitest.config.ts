import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Long suites start first, so that the others do not finish and wait for them. A fresh clone knows no durations. */
const LONG = ['/tests/sim/sim.test.ts', '/tests/wire/crash.test.ts', '/tests/unit/adapters/imap.test.ts']

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONG.findIndex((path) => moduleId.endsWith(path))
      return place === -1 ? LONG.length : place
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    setupFiles: ['./tests/keep-alive.ts'],
    // They end what hangs, on a machine that has much else to do as well: what takes long is not wrong for that.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    // Most of the time goes by in waiting for other processes.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    // RUNTIME is what the tests of processes start the orchestrator on. Those in tests/wire choose by TARGET.
    projects: [
      { extends: true, test: { name: 'node', include: ['tests/**/*.test.ts'], env: { RUNTIME: 'node' } } },
      {
        extends: true,
        test: {
          name: 'deno',
          include: ['tests/process/*.test.ts'],
          exclude: ['tests/process/pack.test.ts'],
          env: { RUNTIME: 'deno' },
        },
      },
    ],
  },
})
