import { Logger, makeWorkerUtils, run, runMigrations } from 'graphile-worker'
import { type Parameters, parametersOf, RESULT } from './job.ts'
import { query, startPostgres } from './postgres.ts'
import type { System } from './system.ts'

/**
 * graphile-worker on PostgreSQL. It forgets a job that has ended, so the task itself writes the result to a table, as its
 * users do who need it.
 */

const TASK = 'job'
const logger = new Logger(() => () => {})

export const graphileWorker: System = {
  async start(folder) {
    const running = await startPostgres(folder, ['-c', 'max_connections=200'])
    const { url = '' } = running.connection
    await runMigrations({ connectionString: url, logger })
    await query(
      running.connection,
      'create table results (job_id bigint primary key, ended_at timestamptz, result jsonb)',
    )
    return running
  },

  async produce({ url = '' }) {
    const utils = await makeWorkerUtils({ connectionString: url, maxPoolSize: 20, logger })
    return {
      submit: async (n) => (await utils.addJob(TASK, parametersOf(n), { maxAttempts: 1 })).id,
      async submitMany(ns) {
        const jobs = await utils.addJobs(
          ns.map((n) => ({ identifier: TASK, payload: parametersOf(n), maxAttempts: 1 })),
        )
        return jobs.map(({ id }) => id)
      },
      ended: null,
      close: async () => void await utils.release(),
    }
  },

  async consume({ url = '' }, ran) {
    const runner = await run({
      connectionString: url,
      concurrency: 100,
      maxPoolSize: 102,
      noHandleSignals: true,
      logger,
      taskList: {
        async [TASK](payload, helpers) {
          ran((payload as Parameters).n)
          const insert = 'insert into results (job_id, ended_at, result) values ($1, now(), $2)'
          await helpers.query(insert, [helpers.job.id, JSON.stringify(RESULT)])
        },
      },
    })
    return { close: () => runner.stop() }
  },

  async pending(connection) {
    const [row] = await query<{ n: string }>(connection, 'select count(*) n from graphile_worker.jobs')
    return Number(row?.n)
  },

  async verify(connection, ids) {
    const results = await query<{ job_id: string }>(connection, 'select job_id from results')
    const seen = new Set(results.map(({ job_id }) => job_id))
    const lost = ids.filter((id) => !seen.has(id))
    if (lost.length > 0 || results.length !== ids.length) {
      throw new Error(
        `graphile-worker: of ${ids.length} jobs ${lost.length} are lost, ${results.length} have a result`,
      )
    }
  },
}
