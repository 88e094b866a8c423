import { join } from 'node:path'
import { mkdirSync } from 'node:fs'
import { Queue, QueueEvents, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { type Parameters, parametersOf, RESULT } from './job.ts'
import { firstOf, freePort, requireProgram, runningIn, startProgram } from './program.ts'
import type { Connection, System } from './system.ts'

/** BullMQ on Redis that writes each command to the disk before it answers. */

const NAME = 'jobs'

function redisServer(): string {
  return requireProgram(() => firstOf(['/usr/bin/redis-server', '/usr/local/bin/redis-server']), 'redis-server')
}

function portOf({ port }: Connection): { readonly host: string; readonly port: number } {
  return { host: '127.0.0.1', port: Number(port) }
}

async function answers(connection: Connection): Promise<boolean> {
  const redis = new Redis({ ...portOf(connection), lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => {})
  try {
    await redis.connect()
    // While the file is read, it answers with LOADING, which is an error.
    await redis.dbsize()
    return true
  } finally {
    redis.disconnect()
  }
}

async function withQueue<T>(connection: Connection, use: (queue: Queue) => Promise<T>): Promise<T> {
  const queue = new Queue(NAME, { connection: portOf(connection) })
  try {
    return await use(queue)
  } finally {
    await queue.close()
  }
}

/** The pages of a list have so many jobs. */
const PAGE = 5_000

export const bullmq: System = {
  async start(folder) {
    const data = join(folder, 'redis')
    mkdirSync(data)
    const connection = { port: String(await freePort()) }
    const flags = `--port ${connection.port} --bind 127.0.0.1 --appendonly yes --appendfsync always --save`.split(' ')
    const start = () => startProgram(redisServer(), [...flags, '', '--dir', data], () => answers(connection))
    return runningIn(connection, await start(), start)
  },

  async produce(connection) {
    const queue = new Queue(NAME, { connection: portOf(connection) })
    const events = new QueueEvents(NAME, { connection: portOf(connection) })
    await events.waitUntilReady()
    return {
      submit: async (n) => (await queue.add('job', parametersOf(n))).id ?? '',
      async submitMany(ns) {
        const jobs = await queue.addBulk(ns.map((n) => ({ name: 'job', data: parametersOf(n) })))
        return jobs.map(({ id }) => id ?? '')
      },
      async ended(id) {
        await (await queue.getJob(id))?.waitUntilFinished(events)
      },
      async close() {
        await events.close()
        await queue.close()
      },
    }
  },

  async consume(connection, ran) {
    const run = ({ data }: { readonly data: Parameters }) => {
      ran(data.n)
      return Promise.resolve(RESULT)
    }
    const worker = new Worker(NAME, run, { connection: portOf(connection), concurrency: 100 })
    await worker.waitUntilReady()
    return { close: () => worker.close() }
  },

  pending: (connection) => withQueue(connection, (queue) => queue.getJobCountByTypes('wait', 'active', 'delayed')),

  verify: (connection, ids) =>
    withQueue(connection, async (queue) => {
      const seen = new Set<string>()
      const { completed = 0, failed = 0 } = await queue.getJobCounts('completed', 'failed')
      for (let at = 0; at < completed; at += PAGE) {
        for (const job of await queue.getCompleted(at, at + PAGE - 1)) {
          if (JSON.stringify(job.returnvalue) === JSON.stringify(RESULT)) seen.add(job.id ?? '')
        }
      }
      const lost = ids.filter((id) => !seen.has(id))
      if (lost.length > 0 || failed > 0 || completed !== ids.length) {
        throw new Error(
          `BullMQ: of ${ids.length} jobs ${lost.length} are lost, ${completed} completed, ${failed} failed`,
        )
      }
    }),
}
