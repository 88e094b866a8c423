import { rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { openConnection, requestText } from '../e2e/http.ts'
import { median, quantile } from '../measure.ts'
import { number } from '../table.ts'
import { now, parametersOf } from './job.ts'
import { WORKFLOW } from './ours.ts'
import type { Plan } from './compare.ts'
import { serverWith } from './past.ts'
import { markdown } from './results.ts'
import { temporaryFolder } from './stage.ts'
import type { Connection } from './system.ts'

/** Pages of lists at a million ended jobs: how long each takes, and how long other requests wait meanwhile. */

const LISTS = [
  '',
  'limit=200',
  'status=completed',
  'status=failed',
  'status=cancelled',
  'status=failed,cancelled,timeout',
  'workflow_id=workflow-3',
  'workflow_id=workflow-3&status=completed',
  'workflow_id=workflow-3&status=failed',
  'workflow_id=workflow-0&status=failed',
  'workflow_id=workflow-3&status=cancelled',
  'workflow_id=nothing&status=failed',
  'robot_id=robot-3',
  'robot_id=robot-3&status=failed',
  'robot_id=robot-3&workflow_id=workflow-3',
  'robot_id=robot-3&workflow_id=workflow-3&status=failed',
  'trigger_id=none&status=completed',
  'schedule_id=none&workflow_id=workflow-3',
  'dead_lettered=true',
  'dead_lettered=true&workflow_id=workflow-3',
]

const TIMES = 5
const LIST_MS_MAX = 50
const OTHERS_MS_MAX = 10
/** The time in which the other requests are measured alone. */
const ALONE_MS = 3_000

/** Sends one request after the other until it is stopped. */
class Probe {
  readonly ms: number[] = []
  readonly #stopped = new AbortController()
  readonly #done: Promise<void>

  constructor({ http = '', key = '' }: Connection, method: string, path: string, body = '') {
    this.#done = this.#run(Number(new URL(http).port), requestText(method, path, key, body))
  }

  async #run(port: number, text: string): Promise<void> {
    const line = openConnection(port)
    while (!this.#stopped.signal.aborted) {
      const begin = now()
      await line.request(text)
      this.ms.push(now() - begin)
      await setTimeout(1)
    }
    line.close()
  }

  /** Every answer's milliseconds. */
  async stop(): Promise<readonly number[]> {
    this.#stopped.abort()
    await this.#done
    return this.ms
  }
}

interface Meanwhile {
  readonly health: readonly number[]
  readonly submits: readonly number[]
}

/** Asks the server for its health, and submits jobs, while something else goes on. */
async function beside(connection: Connection, use: () => Promise<void>): Promise<Meanwhile> {
  const job = JSON.stringify({ workflow_id: WORKFLOW, required_tags: ['absent'], parameters: parametersOf(1) })
  const health = new Probe(connection, 'GET', '/healthz')
  const submits = new Probe(connection, 'POST', '/api/v1/jobs', job)
  try {
    await use()
  } finally {
    await Promise.all([health.stop(), submits.stop()])
  }
  return { health: health.ms, submits: submits.ms }
}

/** Measures every list. */
export async function lists({ ended }: Plan): Promise<string> {
  const folder = await temporaryFolder()
  const server = await serverWith('ended', folder, ended)
  try {
    const port = Number(new URL(server.connection['http'] ?? '').port)
    const alone = await beside(server.connection, () => setTimeout(ALONE_MS))
    const rows: string[][] = []
    for (const list of LISTS) {
      const line = openConnection(port)
      const times: number[] = []
      let found = 0
      const meanwhile = await beside(server.connection, async () => {
        for (let time = 0; time < TIMES; time++) {
          const begin = now()
          const { status, body } = await line.request(
            requestText('GET', `/api/v1/jobs?${list}`, server.connection['key'] ?? ''),
          )
          times.push(now() - begin)
          if (status !== 200) throw new Error(`${list}: ${status} ${body}`)
          found = (JSON.parse(body) as { readonly items: readonly unknown[] }).items.length
          await setTimeout(50)
        }
      })
      line.close()
      rows.push(rowOf(list, found, times, alone, meanwhile))
    }
    return markdown(
      ['`GET /api/v1/jobs?`', 'items', 'ms', 'worst', 'a health check waits', 'a submission waits', ''],
      rows,
    )
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function rowOf(
  list: string,
  found: number,
  times: readonly number[],
  alone: Meanwhile,
  meanwhile: Meanwhile,
): string[] {
  // The longest of a few seconds against what one in a hundred takes anyway.
  const more = (of: keyof Meanwhile): number => Math.max(0, Math.max(...meanwhile[of]) - quantile(alone[of], 0.99))
  const kept = Math.max(...times) <= LIST_MS_MAX && more('health') <= OTHERS_MS_MAX
  return [
    `\`${list}\``,
    number(found),
    number(median(times), 1),
    number(Math.max(...times), 1),
    `${number(more('health'), 1)} ms more`,
    `${number(more('submits'), 1)} ms more`,
    kept ? 'kept' : 'missed',
  ]
}
