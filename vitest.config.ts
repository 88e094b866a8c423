import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Most of the time goes by in waiting for other processes.
    maxWorkers: 3,
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
