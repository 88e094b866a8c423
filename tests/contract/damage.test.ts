import { deepStrictEqual as same, match, ok, rejects } from 'node:assert/strict'
import { copyFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { afterAll, describe, test } from 'vitest'
import { StoreDamaged } from '../../adapters/store/contract.ts'
import { connect } from '../../adapters/store/file.ts'
import { openLibsqlStore } from '../../adapters/store/libsql.ts'
import { memoryStore } from '../../adapters/store/memory.ts'
import { verifiedStore } from '../../adapters/store/trusted.ts'
import { prefetchOf } from '../../core/prefetch.ts'
import { sha256 } from '../../adapters/crypto/secrets.ts'
import { SOON } from './disk.ts'
import { begun, copy, FILES, fresh, HARD, removePast, write } from './past.ts'
import { job, turn } from './rows.ts'

/** Files that are not what they were: what is not certain is refused, in one line that says what to do. */

afterAll(removePast)

const opened = async (path: string) => {
  const store = await openLibsqlStore({ path })
  try {
    return (await store.load(SOON)).jobs.length
  } finally {
    await store.close()
  }
}

const refuses = (path: string, words: RegExp) =>
  rejects(opened(path), (error: Error) => {
    ok(error instanceof StoreDamaged, String(error))
    match(error.message, words)
    ok(error.message.startsWith(path) && !error.message.includes('\n'), error.message)
    return true
  })

describe('files that do not belong together', () => {
  /** An early copy and a late one of a database that is being written to, each as a kill would leave it. */
  async function twoMoments(): Promise<{ readonly early: string; readonly late: string }> {
    const store = await begun()
    const early = copy(store.path)
    // Enough for the WAL to start over more than once in between.
    await write(store, 41, 400)
    const late = copy(store.path)
    await store.close()
    return { early, late }
  }

  test('are refused in whatever way they are mixed', async () => {
    const { early, late } = await twoMoments()
    same(await opened(copy(late)), 440)
    for (const from of [early, late]) {
      const other = from === early ? late : early
      for (const file of FILES) {
        const path = copy(other)
        copyFileSync(from + file, path + file)
        // The number beside an older database is a smaller one, and a database may have gone on from it.
        if (file === '-generation' && from === early) same(await opened(path), 440)
        else if (file === '-generation') await refuses(path, /is older than it was.*a\.db-generation/)
        else await refuses(path, /different times|older than it was/)
      }
    }
  })

  test('are refused when one of them is missing', async () => {
    const { early, late } = await twoMoments()
    for (const path of [copy(early), copy(late)]) {
      rmSync(`${path}-wal`)
      await refuses(path, /is older than it was, or its WAL is missing/)
    }
    const path = copy(late)
    rmSync(path)
    await refuses(path, /is missing or empty.*--new/)
    writeFileSync(path, '')
    await refuses(path, /is missing or empty.*--new/)
    rmSync(`${path}-generation`)
    await refuses(path, /is missing or empty.*--new/)
    const store = await openLibsqlStore({ path, fresh: true })
    same((await store.load(SOON)).jobs, [])
    await store.close()
    same(await opened(path), 0)
  })

  test('are refused after an orderly stop, when an older one is put in the place of the database', async () => {
    const store = await begun()
    await store.close()
    const old = copy(store.path)
    const again = await openLibsqlStore({ path: store.path })
    await again.load(SOON)
    await write(again, 41, 1)
    await again.close()
    copyFileSync(old, store.path)
    await refuses(store.path, /restore the newest backup; or, to go on with this one .* delete .*a\.db-generation$/)
    // As an operator does who has no newer backup.
    rmSync(`${store.path}-generation`)
    same(await opened(store.path), 40)
  })

  test('are refused when they are of different databases', async () => {
    const [one, two] = [await begun(), await begun()]
    const path = copy(one.path)
    copyFileSync(two.path, path)
    await refuses(path, /different databases|another database/)
    await Promise.all([one.close(), two.close()])
    copyFileSync(two.path, one.path)
    await refuses(one.path, /is another database than the one that a\.db-generation belongs to/)
  })
})

describe('a healthy store', () => {
  test('starts whatever a power cut has left beside it', async () => {
    // A file replaced atomically is in its old or its new state; one that is overwritten may also be in between.
    const path = fresh()
    const states: string[] = []
    const note = () => states.push(copy(path))
    let store = await openLibsqlStore({ path })
    await store.load(SOON)
    note()
    await write(store, 1, 3)
    note()
    await store.close()
    note()
    store = await openLibsqlStore({ path })
    await store.load(SOON)
    note()
    await write(store, 4, 200)
    note()
    await store.close()
    note()
    for (const [i, database] of states.entries()) {
      // An older file beside a newer database: the newer one had not reached the disk.
      for (const beside of [undefined, ...states.slice(0, i + 1)]) {
        const cut = copy(database)
        rmSync(`${cut}-generation`)
        if (beside !== undefined) copyFileSync(`${beside}-generation`, `${cut}-generation`)
        writeFileSync(`${cut}-generation.new`, 'half')
        await opened(cut)
      }
    }
    const torn = copy(states.at(-2)!)
    truncateSync(`${torn}-generation`, 4096 + 20)
    same(await opened(torn), 203)
  })

  test('starts when another program has written the WAL back and removed it', async () => {
    const store = await begun()
    const path = copy(store.path)
    await store.close()
    const other = connect(path)
    other.all('select count(*) from jobs', [])
    other.close()
    rmSync(`${path}-wal`, { force: true })
    same(await opened(path), 40)
  })

  test('says what a power cut has taken, where the durability allows it, and goes on', async () => {
    const path = fresh()
    const store = await openLibsqlStore({ path, durability: 'relaxed' })
    await store.load(SOON)
    await write(store, 1, 5)
    const cut = copy(path)
    await store.close()
    // Nothing of the WAL had reached the disk since the start.
    truncateSync(`${cut}-wal`, 0)
    let taken = 0
    const again = await openLibsqlStore({ path: cut, lost: (turns) => void (taken = turns) })
    same([(await again.load(SOON)).jobs.length, taken], [0, 5])
    await again.close()
  })
})

describe('what is met while a store is open', () => {
  test('text that is not UTF-8 is an error, and not the end of the process', async () => {
    const store = await begun()
    const other = connect(store.path)
    other.all("update jobs set robot_name = cast(x'ff41' as text) where id = 'row-7'", [])
    other.close()
    const read = async () => store.queries.job('row-7' as never)
    await rejects(read, /a\.db is damaged \(a row has text that is not UTF-8\): restore it from a backup$/)
    await rejects(read, StoreDamaged)
    await rejects(store.load(SOON), StoreDamaged)
    await store.close()
    await refuses(store.path, /not UTF-8/)
  })

  test.each([
    ["update jobs set priority = 2 where id = 'row-7'", /row of jobs does not match its checksum/],
    ["update jobs set checksum = null, required_tags = '[' where id = 'row-7'", /row of jobs has JSON/],
    ["update jobs set state_checksum = null, progress = 200 where id = 'row-7'", /job row-7 cannot be: progress/],
    ['update meta set seq = seq - 4', /count of turns does not match/],
    ["update keys set scopes = '[\"admin\"]' where id = 'row-7'", /row of keys does not match its checksum/],
  ])('%s', async (change, words) => {
    const store = await begun()
    const other = connect(store.path)
    other.all(change, [])
    other.close()
    await rejects(store.load(SOON), words)
    await store.close()
    await refuses(store.path, words)
  })

  test.each(['priority = 2', `parameters = '{"ä":"${'o'.repeat(400)}"}'`])(
    'a job with long parameters is verified when it is read for an offer: %s',
    async (change) => {
      const store = await begun()
      const other = connect(store.path)
      other.all(`update jobs set ${change} where id = 'row-8'`, [])
      other.close()
      same((await store.load(SOON)).jobs.length, 40)
      await rejects(
        async () => store.prefetch(prefetchOf({ jobs: ['row-8' as never] })),
        /row of jobs does not match its checksum/,
      )
      await store.close()
    },
  )

  test('a definition that is not the one of its hash goes no further, whoever asks for it', async () => {
    const hash = sha256(HARD)
    const altered = HARD.replace('nodes', 'modes')
    const memory = memoryStore()
    for (const given of [await begun(), memory]) {
      await given.load(SOON)
      const due = job('due', { seq: 900, definition: hash, status: 'pending', ready_at: 5 })
      await given.commit(turn(900, { jobs: [due] }))
      let alarms = 0
      const store = verifiedStore({
        ...given,
        load: async (...args) => ({
          ...await given.load(...args),
          definitions: [{ hash: hash as never, json: altered }],
        }),
        prefetch: async (need) => ({
          ...await given.prefetch(need),
          definitions: [{ hash: hash as never, json: altered }],
        }),
        queries: { ...given.queries, definition: async () => altered },
      }, () => alarms++)
      await rejects(store.load(SOON), /workflow definition [0-9a-f]{12}… is not the one of this hash/)
      await rejects(async () => store.prefetch(prefetchOf({ due: { after: 1, until: 9 } })), StoreDamaged)
      await rejects(store.queries.definition(hash as never), StoreDamaged)
      same(alarms, 3)
      await given.close()
    }
  })
})
