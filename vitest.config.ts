import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // TARGET is the runtime that the tests of processes start the orchestrator on.
    projects: [
      { extends: true, test: { name: 'node', include: ['tests/**/*.test.ts'], env: { TARGET: 'node' } } },
      { extends: true, test: { name: 'deno', include: ['tests/process/*.test.ts'], env: { TARGET: 'deno' } } },
    ],
  },
})
