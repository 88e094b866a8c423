import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openConnection, requestText } from '../e2e/http.ts'
import { median } from '../measure.ts'
import { number } from '../table.ts'
import { now, parametersOf } from './job.ts'
import { WORKFLOW } from './ours.ts'
import type { Plan } from './compare.ts'
import { lengthened } from './pages.ts'
import { serverWith } from './past.ts'
import { markdown } from './results.ts'
import { temporaryFolder } from './stage.ts'
import type { Connection } from './system.ts'

/** Pages of lists at a million ended jobs: how long each takes, and how long other requests wait meanwhile. */

const TIMES = 9
const LIST_MS_MAX = 50
const OTHERS_MS_MAX = 10
const UUID = /[0-9a-f]{8}-[0-9a-f-]{27}/g
/** The pause between two requests of a list, and the time in which the other requests are measured alone. */
const PAUSE_MS = 50
const ALONE_MS = 3_000

/** A request that was answered. */
interface Answered {
  readonly begin: number
  readonly end: number
}

/** Sends one request after the other until it is stopped. */
class Probe {
  readonly answers: Answered[] = []
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
      this.answers.push({ begin, end: now() })
      await setTimeout(1)
    }
    line.close()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#done
  }
}

interface Meanwhile {
  readonly health: readonly Answered[]
  readonly submits: readonly Answered[]
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
  return { health: health.answers, submits: submits.answers }
}

/** Measures every list. */
export async function lists({ ended }: Plan): Promise<string> {
  const folder = await temporaryFolder()
  let server = await serverWith('ended', folder, ended)
  try {
    const long = await lengthened(server, join(folder, 'ended'), ended)
    server = long.server
    const windows: Answered[] = []
    const alone = await beside(server.connection, async () => {
      for (const until = now() + ALONE_MS; now() < until;) {
        const begin = now()
        await setTimeout(PAUSE_MS)
        windows.push({ begin, end: now() })
      }
    })
    const quiet = { health: waits(alone.health, windows), submits: waits(alone.submits, windows) }
    const rows: string[][] = []
    for (const path of long.paths) rows.push(await measured(server.connection, path, quiet))
    return markdown(
      ['`GET /api/v1/`', 'items', 'ms', 'worst', 'a health check waits', 'a submission waits', ''],
      rows,
    )
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The median over these times of the longest wait of a request that was under way then. */
function waits(answers: readonly Answered[], times: readonly Answered[]): number {
  return median(times.map(({ begin, end }) => {
    const during = answers.filter((one) => one.end >= begin && one.begin <= end)
    return Math.max(0, ...during.map((one) => one.end - one.begin))
  }))
}

/** A row of the table. */
async function measured(
  connection: Connection,
  path: string,
  quiet: { readonly health: number; readonly submits: number },
): Promise<string[]> {
  const line = openConnection(Number(new URL(connection['http'] ?? '').port))
  const text = requestText('GET', `/api/v1/${path}`, connection['key'] ?? '')
  const times: Answered[] = []
  let items: readonly unknown[] | undefined
  const meanwhile = await beside(connection, async () => {
    for (let time = 0; time < TIMES; time++) {
      const begin = now()
      const { status, body } = await line.request(text)
      times.push({ begin, end: now() })
      if (status !== 200) throw new Error(`${path}: ${status} ${body}`)
      items = (JSON.parse(body) as { readonly items?: readonly unknown[] }).items
      await setTimeout(PAUSE_MS)
    }
  })
  line.close()
  const ms = times.map(({ begin, end }) => end - begin)
  const health = Math.max(0, waits(meanwhile.health, times) - quiet.health)
  const submits = Math.max(0, waits(meanwhile.submits, times) - quiet.submits)
  const kept = median(ms) <= LIST_MS_MAX && health <= OTHERS_MS_MAX && submits <= OTHERS_MS_MAX
  return [
    `\`${path.replaceAll(UUID, '…')}\``,
    items === undefined ? '' : number(items.length),
    number(median(ms), 1),
    number(Math.max(...ms), 1),
    `${number(health, 1)} ms more`,
    `${number(submits, 1)} ms more`,
    kept ? 'kept' : 'missed',
  ]
}
