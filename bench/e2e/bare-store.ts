import { inTemporaryFolder, preparedRows } from '../bare.ts'
import { lifelike } from '../lifelike.ts'
import { serveTasks } from '../child.ts'

/** Control (c): the rows of the jobs written with `libsql` alone, as many to a commit as the server had. */

export interface StoreCost {
  readonly jobs: number
  readonly wallMs: number
  readonly cpuMs: number
}

serveTasks({
  /** Writes `before` turns, and then `turns` that are measured. */
  write({ rows, before, turns }: { rows: number; before: number; turns: number }): Promise<StoreCost> {
    const life = lifelike(rows, before + turns)
    return inTemporaryFolder(async (folder) => {
      const writer = preparedRows(folder)
      for (const turn of [...life.before, ...life.turns.slice(0, before)]) await writer.write(turn)
      const cpu = process.cpuUsage()
      const begin = performance.now()
      for (const turn of life.turns.slice(before)) await writer.write(turn)
      const wallMs = performance.now() - begin
      const { user, system } = process.cpuUsage(cpu)
      await writer.close()
      return { jobs: rows * turns / 2, wallMs, cpuMs: (user + system) / 1000 }
    })
  },
})
