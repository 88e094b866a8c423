import { PgBoss } from 'pg-boss'
import { type Parameters, parametersOf, RESULT } from './job.ts'
import { query, startPostgres } from './postgres.ts'
import type { Connection, System } from './system.ts'

/** pg-boss on PostgreSQL, with the listener that wakes its workers, and batches that follow each other at once. */

const QUEUE = 'jobs'
const WORKERS = 10
const BATCH = 10

async function open({ url = '' }: Connection, supervise: boolean): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: url, supervise, schedule: false, max: 20, useListenNotify: true })
  boss.on('error', (error) => process.stderr.write(`pg-boss: ${String(error)}\n`))
  await boss.start()
  return boss
}

export const pgBoss: System = {
  async start(folder) {
    const running = await startPostgres(folder)
    const boss = await open(running.connection, false)
    await boss.createQueue(QUEUE, { notify: true, retryLimit: 0 })
    await boss.stop()
    return running
  },

  async produce(connection) {
    const boss = await open(connection, false)
    return {
      submit: async (n) => await boss.send(QUEUE, parametersOf(n)) ?? '',
      async submitMany(ns) {
        const ids = await boss.insert(QUEUE, ns.map((n) => ({ data: parametersOf(n) })), { returnId: true })
        return ids ?? []
      },
      ended: null,
      close: () => boss.stop(),
    }
  },

  async consume(connection, ran) {
    const boss = await open(connection, true)
    const options = {
      batchSize: BATCH,
      localConcurrency: WORKERS,
      pollingIntervalSeconds: 0.5,
      burstWhenBatchFull: true,
    }
    await boss.work<Parameters>(QUEUE, options, (jobs) => {
      for (const { data } of jobs) ran(data.n)
      return Promise.resolve(RESULT)
    })
    return { close: () => boss.stop() }
  },

  async pending(connection) {
    const [row] = await query<{ n: string }>(connection, `select count(*) n from pgboss.job where state < 'completed'`)
    return Number(row?.n)
  },

  async verify(connection, ids) {
    const jobs = await query<{ id: string }>(connection, `select id from pgboss.job where state = 'completed'`)
    const seen = new Set(jobs.map(({ id }) => id))
    const lost = ids.filter((id) => !seen.has(id))
    if (lost.length > 0 || jobs.length !== ids.length) {
      throw new Error(`pg-boss: of ${ids.length} jobs ${lost.length} are lost, ${jobs.length} completed`)
    }
  },
}
