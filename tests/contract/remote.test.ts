import { deepStrictEqual as same, ok, rejects } from 'node:assert/strict'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { createClient } from '@libsql/client/http'
import { afterAll, describe, test } from 'vitest'
import { StoreUnusable } from '../../adapters/store/contract.ts'
import { openRemoteStore, type RemoteOptions } from '../../adapters/store/remote.ts'
import { freePort } from '../process/program.ts'
import { withoutLongParameters } from '../../core/records/parameters.ts'
import { prefetchOf } from '../../core/prefetch.ts'
import { SOON } from './disk.ts'
import { job, row, turn } from './rows.ts'
import { HAS_SQLD, Sqld } from './sqld.ts'
import { storeContract } from './store.ts'

const servers: Sqld[] = []
const listening: Server[] = []
afterAll(() => {
  for (const server of servers) server.remove()
  for (const server of listening) server.close()
})

async function started(options = {}): Promise<Sqld> {
  const server = await Sqld.start(options)
  servers.push(server)
  return server
}

/** A server of its own for each check: an empty disk. */
const checks = storeContract('libsql server', async () => {
  servers.pop()?.remove()
  const { url } = await started()
  return { open: () => openRemoteStore({ url }), samples: 8 }
})

describe.skipIf(!HAS_SQLD)('a libSQL server', () => {
  test.each(checks)('$name', ({ run }) => run())

  test('a libsql: URL names it as well', async () => {
    const { url } = await started()
    const store = await openRemoteStore({ url: `${url.replace('http:', 'libsql:')}?tls=0` })
    await store.load(SOON)
    await store.close()
  })

  test('what is too large for one answer is read in pages, in its order', async () => {
    const { url } = await started({ answer: '1MB' })
    const store = await openRemoteStore({ url })
    await store.load(SOON)
    const long = (i: number) => `${i} ${'x'.repeat(2_000)}`
    const jobs = Array.from(
      { length: 1_500 },
      (_, i) => job(`job-${i}`, { seq: i + 1, created_at: i, parameters: long(i), definition: 'a' }),
    )
    const history = jobs.map(({ id }, i) =>
      row('job_history', { seq: i + 1, job_id: 'job-0', detail: long(i), actor: id })
    )
    const definitions = ['a', 'b'].map((hash) => row('definitions', { hash, json: hash.repeat(600_000) }))
    const workflows = [row('workflows', { id: 'w', definition: 'b' })]
    await store.commit(turn(1, { jobs, job_history: history, definitions, workflows }))
    const rows = await store.load(SOON)
    same([rows.jobs, rows.definitions], [jobs.map(withoutLongParameters), definitions])
    same(await store.queries.history(jobs[0]!.id), history)
    same((await store.queries.jobs({ limit: 1_000 })).items, jobs.toReversed().slice(0, 1_000))
    same((await store.prefetch(prefetchOf({ jobs: jobs.map(({ id }) => id) }))).jobs.size, jobs.length)
    await store.commit(turn(2, { jobs: [job('last', { seq: 9_999 })] }))
  })
})

/** Asserts that the store cannot be opened, with the reason in one line that contains the URL and no secret. */
async function refused(options: RemoteOptions, words: RegExp, secret = 'S3cret'): Promise<void> {
  await rejects(async () => (await openRemoteStore({ timeoutMs: 300, ...options })).load(SOON), (error: Error) => {
    ok(error instanceof StoreUnusable, String(error))
    ok(words.test(error.message), error.message)
    const shown = `${error.stack} ${JSON.stringify(error)} ${(error.cause as Error | undefined)?.stack}`
    ok(!shown.includes(secret) && !error.message.includes('\n'), shown)
    return true
  })
}

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  listening.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a server that cannot be used is refused in a sentence that names it', () => {
  const urls: readonly (readonly [string, RegExp])[] = [
    ['libsql://db.example?authToken=S3cret', /^libsql:\/\/db\.example was given with a secret.*CASARE_DATABASE_TOKEN/],
    ['https://me:S3cret@db.example/x', /^https:\/\/db\.example\/x was given with a secret/],
    ['https://S3cret@db.example', /^https:\/\/db\.example was given with a secret/],
    ['wss://db.example', /^wss:\/\/db\.example is not the URL of a libSQL server: .*https:/],
    ['file:///var/S3cret', /cannot be read/],
    ['db.example?authToken=S3cret', /^the URL of the database cannot be read/],
    ['http://db.example/?token=S3cret', /^http:\/\/db\.example cannot be used .*"token"/],
    ['http://db.invalid', /^http:\/\/db\.invalid (cannot be reached|did not answer)/],
  ]
  test.each(urls)('%s', (url, words) => refused({ url }, words))

  test('a token that would spoil a header is not repeated', () =>
    refused({ url: 'http://127.0.0.1:1', token: 'S3cret\n' }, /^http:\/\/127\.0\.0\.1:1 needs a token without/))

  test('nobody listens', async () =>
    refused({ url: `http://127.0.0.1:${await freePort()}` }, /cannot be reached \(ECONNREFUSED\)/))

  test('it never answers, or not to the end', async () => {
    await refused({ url: await listen(() => {}) }, /did not answer within 0\.3 s/)
    await refused({ url: await listen((_, response) => response.write('{')) }, /did not answer within 0\.3 s/)
  })

  test('it is something else', async () => {
    await refused(
      { url: await listen((_, response) => response.writeHead(404).end()) },
      /404: see that this is the URL/,
    )
    await refused(
      { url: await listen((_, response) => response.writeHead(503).end()) },
      /answers with HTTP status 503$/,
    )
    await refused({ url: await listen((_, response) => response.end('<html>')) }, /does not answer as a libSQL server/)
    await refused({ url: await listen((_, response) => response.end('{}')) }, /cannot be used|does not answer as/)
  })

  test.skipIf(!HAS_SQLD)('it wants another token', async () => {
    const server = await started({ locked: true })
    const { url } = server
    await refused({ url }, /wants a token: .*CASARE_DATABASE_TOKEN/)
    await refused({ url, token: 'S3cret' }, /refuses the token/)
    await refused({ url, token: server.token('ro') }, /does not let the token .* write/, server.token('ro'))
    const store = await openRemoteStore({ url, token: server.token() })
    await store.load(SOON)
    await store.close()
  })

  test.skipIf(!HAS_SQLD)(
    "the database is another program's, or that of a newer version, or one from before the first release",
    async () => {
      const foreign = await started()
      await createClient({ url: foreign.url }).execute('create table invoices (id integer)')
      await refused({ url: foreign.url }, /is the database of another program: name another one/)
      const { url } = await started()
      await (await openRemoteStore({ url })).close()
      await createClient({ url }).execute('update meta set schema_version = schema_version + 1')
      await refused({ url }, /was written by a newer version/)
      const old = await started()
      await createClient({ url: old.url }).execute('create table meta (only integer primary key, version integer)')
      await refused({ url: old.url }, /was written by a version from before the first release, .* move it away/)
    },
  )
})
