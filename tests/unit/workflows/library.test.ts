import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRunner } from '../../../robot/runner.ts'
import type { JobContext } from '../../../robot/job.ts'

const library = new URL('../../../workflows/library/', import.meta.url)
let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'casare-library-'))
  await copyFile(new URL('files/orders.csv', library), join(root, 'orders.csv'))
})
afterAll(() => rm(root, { recursive: true }))

async function run(name: string, parameters: Readonly<Record<string, unknown>>) {
  const logs: string[] = []
  const job: JobContext = {
    id: 'j',
    workflowId: name,
    workflowName: name,
    workflowJson: await readFile(new URL(`${name}.json`, library), 'utf8'),
    parameters,
    parametersText: JSON.stringify(parameters),
    attempt: 1,
    timeoutSeconds: 0,
    signal: new AbortController().signal,
    call: (alias) => Promise.reject(new Error(`nothing is called ${alias} here`)),
    progress: () => {},
    log: (_, message) => void logs.push(message),
  }
  return { result: await createRunner({ root, httpHosts: ['127.0.0.1:*'] })(job), logs }
}

/** The same sums, by hand. */
async function expected(keep: (row: { region: string; status: string; amount: number }) => boolean) {
  const [, ...lines] = (await readFile(join(root, 'orders.csv'), 'utf8')).trim().split('\n')
  const amounts = lines.map((line) => line.split(','))
    .map(([, , region = '', status = '', amount]) => ({ region, status, amount: Number(amount) }))
    .filter(keep).map(({ amount }) => amount)
  const total = Math.round(100 * amounts.reduce((sum, amount) => sum + amount, 0)) / 100
  return { count: amounts.length, total, largest: Math.max(0, ...amounts) }
}

describe('orders-total', () => {
  test('adds up the paid orders', async () => {
    const { result, logs } = await run('orders-total', { pause_seconds: 0 })
    const sums = await expected(({ status }) => status === 'paid')
    expect(sums.count).toBeGreaterThan(20)
    expect(result).toEqual({ ...sums, file: 'orders-total-result.json' })
    expect(logs).toContain('Read 60 orders from orders.csv')
    expect(JSON.parse(await readFile(join(root, 'orders-total-result.json'), 'utf8'))).toMatchObject(sums)
  })

  test('takes its filter from the parameters, also as texts', async () => {
    const parameters = { region: 'north', status: '', min_amount: '100', result_file: 'north.json', pause_seconds: 0 }
    const { result } = await run('orders-total', parameters)
    expect(result).toEqual({
      ...await expected(({ region, amount }) => region === 'north' && amount >= 100),
      file: 'north.json',
    })
  })
})

test('greeting greets', async () => {
  expect(await run('greeting', { name: 'Ada' })).toEqual({ result: { greeting: 'Hello, Ada!' }, logs: ['Hello, Ada!'] })
})

describe('url-check', () => {
  test('tells up from down', async () => {
    const server = createServer((request, response) => response.writeHead(request.url === '/ok' ? 200 : 500).end())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect((await run('url-check', { url: `${base}/ok` })).result).toEqual({ url: `${base}/ok`, up: true, status: 200 })
    expect((await run('url-check', { url: `${base}/no` })).result).toMatchObject({ up: false, status: 500 })
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    expect((await run('url-check', { url: `${base}/ok` })).result).toMatchObject({ up: false, status: 0 })
  })
})
