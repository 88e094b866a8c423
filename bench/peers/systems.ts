import type { System } from './system.ts'

/** Every system by its name. Each is loaded where it is used, so that a process holds one. */
const SYSTEMS: Readonly<Record<string, () => Promise<System>>> = {
  ours: async () => (await import('./ours.ts')).ours,
  engine: async () => (await import('./ours-engine.ts')).oursInProcess,
  BullMQ: async () => (await import('./bullmq.ts')).bullmq,
  'pg-boss': async () => (await import('./pg-boss.ts')).pgBoss,
  'graphile-worker': async () => (await import('./graphile-worker.ts')).graphileWorker,
}

export function systemOf(name: string): Promise<System> {
  const load = SYSTEMS[name]
  if (load === undefined) throw new Error(`there is no system "${name}"`)
  return load()
}
