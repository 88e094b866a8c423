import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type Counts, type FileOptions, FileSubmission } from '../../../cli/batch.ts'
import { type BatchOutcome, CasareClient, type ClientOptions } from '../../../client/client.ts'
import { cleanUp, newFolder, Program } from '../../process/program.ts'
import { JOB, startApp, type SubmissionApp } from '../adapters/submission-app.ts'

/** `casare jobs submit --from`: a file of jobs, against a real orchestrator in this process. */

const apps: SubmissionApp[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop()
})
afterAll(cleanUp)

async function newApp(settings = {}): Promise<SubmissionApp> {
  const app = await startApp(settings)
  apps.push(app)
  return app
}

interface Sent {
  readonly counts: Counts
  /** The outcome of each line, by its number. */
  readonly lines: ReadonlyMap<number, BatchOutcome>
}

/** Submits a text, which comes in pieces that care for no line. */
async function send(
  { url, key }: SubmissionApp,
  text: string,
  given: Partial<FileOptions> = {},
  more: Partial<ClientOptions> = {},
): Promise<Sent> {
  const lines = new Map<number, BatchOutcome>()
  const file = new FileSubmission(new CasareClient({ url, key, ...more }), {
    defaults: {},
    key: 'run',
    answered: (line, outcome) => lines.set(line, outcome),
    progressed: () => {},
    ...given,
  })
  const bytes = Buffer.from(text)
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 10_001) yield bytes.subarray(at, at + 10_001)
  }
  return { counts: await file.run(chunks()), lines }
}

const line = (more: object = {}): string => JSON.stringify({ ...JOB, ...more })
const requestsTo = (sizes: number[]): NonNullable<ClientOptions['fetch']> => (url, init) => {
  sizes.push((JSON.parse(init.body as string) as { readonly jobs: readonly unknown[] }).jobs.length)
  return fetch(url, init)
}

test('lines are sent a thousand at a time, in order', async () => {
  const app = await newApp()
  const sizes: number[] = []
  const text = Array.from({ length: 2_500 }, (_, n) => line({ parameters: { n } })).join('\n')
  const { counts } = await send(app, text, {}, { fetch: requestsTo(sizes) })
  expect([sizes, counts]).toEqual([[1_000, 1_000, 500], { submitted: 2_500, before: 0, refused: 0 }])
  const made = [...app.fleet.state.jobs.values()].toSorted((a, b) => a.seq - b.seq)
  expect(made.map(({ parameters }) => parameters)).toEqual(Array.from({ length: 2_500 }, (_, n) => `{"n":${n}}`))
})

test('large jobs are sent in smaller batches, as a body may have 1 MiB, over the same connections', async () => {
  const app = await newApp()
  const sizes: number[] = []
  const text = Array.from({ length: 28 }, () => line({ parameters: { text: 'ä'.repeat(150_000) } })).join('\n')
  const { counts } = await send(app, text, {}, { fetch: requestsTo(sizes) })
  expect([sizes, counts.submitted]).toEqual([[...Array.from({ length: 9 }, () => 3), 1], 28])
  expect(app.connections()).toBeLessThanOrEqual(3)
})

test('what is refused has the number of its line, and the others are submitted', async () => {
  const app = await newApp()
  const huge = line({ parameters: { text: 'x'.repeat(1_048_400) } })
  const text = [line(), '', '{"workflow_id":', '[1]', '1.10', line({ prioritty: 1 }), huge, line(), ''].join('\r\n')
  const { counts, lines } = await send(app, text)
  expect(counts).toEqual({ submitted: 2, before: 0, refused: 5 })
  const errors = [...lines].flatMap(([number, { error }]) => error === undefined ? [] : [[number, error.error_code]])
  expect(errors.toSorted()).toEqual([
    [3, 'INVALID_JSON'],
    [4, 'INVALID_JSON'],
    [5, 'INVALID_JSON'],
    [6, 'INVALID_PAYLOAD'],
    [7, 'PAYLOAD_TOO_LARGE'],
  ])
})

test('a batch that is refused as a whole is halved until only the part at fault is', async () => {
  const app = await newApp()
  const sizes: number[] = []
  // More members in all than one body may have.
  const members = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`p${n}`, 0]))
  const text = Array.from({ length: 100 }, () => line({ parameters: members })).join('\n')
  const { counts } = await send(app, text, {}, { fetch: requestsTo(sizes) })
  expect([sizes, counts.submitted]).toEqual([[100, 50, 50], 100])
})

describe('idempotency', () => {
  const text = [line({ parameters: { n: 1 } }), line({ parameters: { n: 2 } })].join('\n')

  test('a batch whose answer is lost is sent again, and makes no second job', async () => {
    const app = await newApp()
    let asked = 0
    const losing: NonNullable<ClientOptions['fetch']> = async (url, init) => {
      const answer = await fetch(url, init)
      if (asked++ === 0) return new Response('', { status: 502, headers: { 'Retry-After': '0' } })
      return answer
    }
    const { counts } = await send(app, text, {}, { fetch: losing })
    expect([asked, counts]).toEqual([2, { submitted: 2, before: 2, refused: 0 }])
    expect(app.fleet.state.jobs.size).toBe(2)
  })

  test('the same file with the same key goes on where it had ended', async () => {
    const app = await newApp()
    await send(app, text, { key: 'mine' })
    const longer = `${text}\n${line({ parameters: { n: 3 } })}`
    expect((await send(app, longer, { key: 'mine' })).counts).toEqual({ submitted: 3, before: 2, refused: 0 })
    expect((await send(app, longer, { key: 'other' })).counts.before).toBe(0)
    expect(app.fleet.state.jobs.size).toBe(6)
  })

  test('a line may bring a key of its own', async () => {
    const app = await newApp()
    const own = line({ idempotency_key: 'own' })
    expect((await send(app, `${own}\n${own}`)).counts).toEqual({ submitted: 2, before: 1, refused: 0 })
  })
})

test('jobs beyond a limit are sent again when it says so', async () => {
  const app = await newApp({ submissionsMax: 2 })
  const sizes: number[] = []
  const waits: number[] = []
  const pause = (ms: number): Promise<void> => {
    waits.push(ms)
    app.pass(ms)
    return Promise.resolve()
  }
  const text = Array.from({ length: 5 }, () => line()).join('\n')
  const { counts } = await send(app, text, { pause }, { fetch: requestsTo(sizes) })
  expect(waits).toEqual([60_000, 60_000])
  expect([sizes, counts]).toEqual([[5, 3, 1], { submitted: 5, before: 0, refused: 0 }])
})

describe('the command', () => {
  const run = async ({ url, key }: SubmissionApp, args: readonly string[]) => {
    const program = new Program('cli/bin.ts', ['jobs', 'submit', ...args], { CASARE_URL: url, CASARE_KEY: key })
    const status = await program.exited
    await program.closed
    return { status, out: program.out, err: program.err }
  }
  const file = (text: string): string => {
    const path = join(newFolder(), 'jobs.ndjson')
    writeFileSync(path, text)
    return path
  }

  test('says what became of all, with the refused lines on stderr, and ends with 1 where there are any', async () => {
    const app = await newApp()
    const path = file([line(), line({ prioritty: 1 }), line({ priority: 0 })].join('\n'))
    const flags = ['--priority', 'high', '--tag', 'sap', '--idempotency-key', 'mine', '--from', path]
    expect(await run(app, flags)).toEqual({
      status: 1,
      out: '2 submitted, 1 refused\n',
      err: 'line 2: Unknown field prioritty; did you mean priority? (INVALID_PAYLOAD)\n2 submitted, 1 refused\n',
    })
    const made = [...app.fleet.state.jobs.values()].map(({ priority, required_tags }) => [priority, ...required_tags])
    expect(made).toEqual([[2, 'sap'], [0, 'sap']])
    const again = await run(app, [...flags, '--quiet'])
    expect(again.out.trim().split('\n')).toEqual([...app.fleet.state.jobs.keys()])
    const json = (await run(app, [...flags, '--json'])).out.trim().split('\n').map((text) => JSON.parse(text) as object)
    expect(json).toMatchObject([{ line: 1, status: 200 }, { line: 2, status: 400 }, { line: 3, status: 200 }])
  })

  test('reads stdin, and refuses what does not go together', async () => {
    const app = await newApp()
    const shell = new Program('sh', [
      '-c',
      `printf '%s\\n' '${line()}' | "$@"`,
      'sh',
      process.execPath,
      '--import',
      'tsx',
      'cli/bin.ts',
      'jobs',
      'submit',
      '--from',
      '-',
    ], { CASARE_URL: app.url, CASARE_KEY: app.key })
    expect(await shell.exited).toBe(0)
    expect([shell.out, app.fleet.state.jobs.size]).toEqual(['1 submitted, 0 refused\n', 1])
    expect(await run(app, ['--from', file(''), '--wait'])).toMatchObject({ status: 2 })
    expect(await run(app, ['--from', '/no/such/file'])).toMatchObject({
      status: 2,
      err: expect.stringMatching(/cannot be read: ENOENT/),
    })
  })
})
