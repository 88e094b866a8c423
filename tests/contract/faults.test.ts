import { deepStrictEqual as same, ok, rejects } from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, test } from 'vitest'
import { type Fleet, openFleet } from '../../adapters/fleet/fleet.ts'
import { nodePlatform } from '../../adapters/node/platform.ts'
import { StaleEpoch, type Store, StoreUnusable } from '../../adapters/store/contract.ts'
import { openRemoteStore } from '../../adapters/store/remote.ts'
import type { Reply } from '../../core/reply.ts'
import type { ReplyId } from '../../core/base/ids.ts'
import { DEFAULTS } from '../../core/settings.ts'
import { submit } from '../core/bench.ts'
import { until } from '../wire/api.ts'
import { ids, SOON } from './disk.ts'
import { type Fate, Network } from './network.ts'
import { job, row, turn } from './rows.ts'
import { HAS_SQLD, Sqld } from './sqld.ts'

/** Faults of a network and of a server, and their effects on a remote store. */

const TIMEOUT_MS = 2_000
const made: { remove(): void }[] = []
afterAll(() => {
  for (const one of made) one.remove()
})

interface Far {
  readonly server: Sqld
  readonly network: Network
  readonly open: () => Promise<Store>
}

/** A server behind a network of which the test disposes. */
async function far(): Promise<Far> {
  const server = await Sqld.start()
  const network = await Network.between(server.url)
  made.push(server, { remove: () => network.close() })
  return { server, network, open: () => openRemoteStore({ url: network.url, timeoutMs: TIMEOUT_MS }) }
}

/**
 * Applies the fault to the next request whose text contains the word, and to no later one. The returned function tells
 * if it has arrived.
 */
function next(network: Network, word: string, fate: Fate): () => boolean {
  let met = false
  network.fate = (body) => {
    if (met || !body.includes(word)) return 'through'
    met = true
    return fate
  }
  return () => met
}

/** Words that only the request for one thing has in it. */
const COMMIT = 'update meta set seq'
const RAISE = 'returning epoch'
const IN_MEMORY = 'jobs_in_memory'
const STEP = 'begin immediate'

async function fleetOn(store: Store): Promise<{ readonly fleet: Fleet; readonly gone: Error[] }> {
  const gone: Error[] = []
  const platform = { ...nodePlatform(), log: () => {} }
  const fleet = await openFleet(store, platform, DEFAULTS, (error) => void gone.push(error))
  return { fleet, gone }
}

const send = (fleet: Fleet, id: string): Promise<Reply> =>
  fleet.request((reply: ReplyId) => ({ ...submit(id), reply }) as ReturnType<typeof submit>)

const running = (fleet: Fleet) => until('the fleet runs', () => (fleet.phase === 'running' ? true : undefined))

/** The jobs on the disk, and how often each was submitted. */
async function onDisk(store: Store): Promise<readonly (readonly [string, number])[]> {
  const { items } = await store.queries.jobs({ limit: 100 })
  const entries = await Promise.all(
    items.map(async ({ id }) => [id, (await store.queries.history(id)).length] as const),
  )
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1))
}

describe.skipIf(!HAS_SQLD)('a libSQL server far away', () => {
  test('a turn is one request, and so is what it finds', async () => {
    const { network, open } = await far()
    const store = await open()
    await store.load(SOON)
    const requests = async (work: () => unknown): Promise<number> => {
      const before = network.requests
      await work()
      return network.requests - before
    }
    const keys = ['k']
    const whole = turn(1, { jobs: [job('a')], robots: [row('robots', { id: 'r' })], keys: [row('keys', { id: 'k' })] })
    same(await requests(() => store.commit(whole)), 1)
    const need = {
      jobs: ids('a'),
      duplicates: keys,
      duplicatesSince: 0,
      idempotency: keys,
      due: { after: 1, until: 2 },
      pages: [{ webhook: 'a' as never, at: 0, seq: 0 }],
      deliveries: ['a' as never],
      interactions: [{ job: 'a' as never, robot: 'r' as never }],
      earlyRuns: 0,
    }
    same(await requests(() => store.prefetch(need)), 1)
    same(await requests(() => store.commit(turn(2, {}))), 0)
  })

  test('a commit whose answer is lost is there after the reload, once', async () => {
    const { network, open } = await far()
    const store = await open()
    const { fleet, gone } = await fleetOn(store)
    same((await send(fleet, 'kept')).type, 'job')
    const met = next(network, COMMIT, 'lost answer')
    same((await send(fleet, 'unsure')).type, 'refusal')
    ok(met())
    await running(fleet)
    same([...fleet.state.jobs.keys()].toSorted(), ['kept', 'unsure'])
    same((await send(fleet, 'after')).type, 'job')
    same(await onDisk(store), [['after', 1], ['kept', 1], ['unsure', 1]])
    same(gone, [])
    await fleet.stop()
  })

  test('a commit that was given up and arrives after the reload changes nothing', async () => {
    const { network, open } = await far()
    const store = await open()
    const { fleet, gone } = await fleetOn(store)
    const met = next(network, COMMIT, 'held')
    const begun = performance.now()
    same((await send(fleet, 'lost')).type, 'refusal')
    const took = performance.now() - begun
    ok(met() && took >= TIMEOUT_MS * 0.9 && took < TIMEOUT_MS + 60_000, `the turn took ${took} ms`)
    await running(fleet)
    await network.letGo()
    same(await onDisk(store), [])
    same((await send(fleet, 'after')).type, 'job')
    same([await onDisk(store), [...fleet.state.jobs.keys()], gone], [[['after', 1]], ['after'], []])
    await fleet.stop()
  })

  test('a load that was given up and arrives late takes the database from nobody', async () => {
    const { network, open } = await far()
    const store = await open()
    await store.load(SOON)
    next(network, RAISE, 'held')
    await rejects(store.load(SOON), /did not answer within 2 s/)
    await store.load(SOON)
    await network.letGo()
    const a = job('a')
    await store.commit(turn(1, { jobs: [a] }))
    const lost = next(network, RAISE, 'lost answer')
    await rejects(store.load(SOON), StoreUnusable)
    ok(lost())
    same((await store.load(SOON)).jobs, [a])
    await store.commit(turn(2, { jobs: [job('b', { seq: 1 })] }))
  })

  test('of two that load at the same time one goes on', async () => {
    const { open } = await far()
    const stores = await Promise.all([open(), open(), open()])
    const loads = await Promise.allSettled(stores.map((store) => store.load(SOON)))
    const commits = await Promise.allSettled(stores.map(async (store, i) => {
      if (loads[i]?.status === 'rejected') throw loads[i].reason
      await store.commit(turn(1, { jobs: [job(`job-${i}`, { seq: i })] }))
    }))
    const failed = commits.flatMap((commit) => (commit.status === 'rejected' ? [commit.reason] : []))
    same([failed.length, failed.every((error) => error instanceof StaleEpoch)], [2, true])
    same((await stores[0]!.queries.jobs({ limit: 10 })).items.length, 1)
  })

  test('a load that somebody else begins in the middle of ends there', async () => {
    const { network, open } = await far()
    const [first, second] = [await open(), await open()]
    const met = next(network, IN_MEMORY, 'held')
    const load = first.load(SOON)
    await until('the first is reading', () => met() || undefined)
    await second.load(SOON)
    await second.commit(turn(1, { jobs: [job('a')] }))
    await Promise.all([network.letGo(), rejects(load, StaleEpoch)])
  })

  test('of several that find it empty each goes on with the whole schema', async () => {
    const { server, network, open } = await far()
    next(network, STEP, 'lost answer')
    const stores = await Promise.all(Array.from({ length: 4 }, open))
    same(stores.length, 4)
    const direct = await openRemoteStore({ url: server.url })
    await direct.load(SOON)
    await direct.commit(turn(1, { jobs: [job('a')], pools: [row('pools', { name: 'p' })] }))
  })

  test('a server that is killed and comes back has everything, and is gone on with', async () => {
    const { server, open } = await far()
    const store = await open()
    const { fleet, gone } = await fleetOn(store)
    for (const id of ['a', 'b', 'c']) same((await send(fleet, id)).type, 'job')
    await server.kill()
    same((await send(fleet, 'd')).type, 'refusal')
    same(fleet.phase, 'recovering')
    await rejects(store.queries.jobs({ limit: 1 }), /cannot be reached/)
    await setTimeout(500)
    await server.start()
    await running(fleet)
    same((await send(fleet, 'e')).type, 'job')
    same(await onDisk(store), [['a', 1], ['b', 1], ['c', 1], ['e', 1]])
    same(gone, [])
    await fleet.stop()
  })

  test('another process that loads ends this one', async () => {
    const { open } = await far()
    const { fleet, gone } = await fleetOn(await open())
    await (await open()).load(SOON)
    same((await send(fleet, 'a')).type, 'refusal')
    ok(gone[0] instanceof StaleEpoch)
  })
})
