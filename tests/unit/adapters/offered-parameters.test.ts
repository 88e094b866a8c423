import { expect, test } from 'vitest'
import { CACHED_CHARS_MAX, OfferedParameters } from '../../../adapters/fleet/offered-parameters.ts'
import { startTurnLoop } from '../../../adapters/fleet/turn-loop.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import type { JsonText } from '../../../core/base/ids.ts'
import type { Prefetch, Prefetched } from '../../../core/prefetch.ts'
import { NOTHING_PREFETCHED } from '../../../core/prefetch.ts'
import type { JobRow } from '../../../core/records/job.ts'
import { type Effects, newEffects, type Send } from '../../../core/turn.ts'
import { bench, ids, job as rowOf, join, messages, submit } from '../../core/bench.ts'
import { heldShell, settled } from './held-loop.ts'

/** Parameters that offers need and memory lacks: the cache, the portions, and the order. */

const MB = 1 << 20
const ROW = ((): JobRow => {
  const fleet = bench()
  fleet.turn(submit('j'))
  return rowOf(fleet, 'j')
})()
const textOf = (id: string, chars: number): JsonText => `{"of":"${id.padEnd(chars - 9, '.')}"}` as JsonText

const created = (...jobs: readonly (readonly [id: string, chars: number])[]): Effects => {
  const out = newEffects(1, 0)
  for (const [id, chars] of jobs) {
    const row = { ...ROW, id: ids.job(id), parameters: textOf(id, chars) }
    out.created.add(row.id)
    out.rows.jobs.set(row.id, row)
  }
  return out
}
const offering = (...jobs: readonly (readonly [id: string, bytes: number])[]): Effects => {
  const out = newEffects(2, 0)
  for (const [id, bytes] of jobs) out.lacks.push({ job: ids.job(id), bytes })
  return out
}
const assign = (id: string): Send => ({
  to: 'socket',
  socket: ids.socket('s'),
  message: { type: 'job_assign', payload: { job_id: ids.job(id), parameters: {} } } as never,
  parameters: { job: ids.job(id), bytes: 0 },
})

/** A store that has every job, and notes what it is asked for. */
function reading() {
  const asked: string[][] = []
  const prefetch = ({ jobs }: Prefetch): Prefetched => {
    asked.push([...jobs])
    const rows = jobs.map((id) => [id, { ...ROW, id, parameters: textOf(id, 200) }] as const)
    return { ...NOTHING_PREFETCHED, jobs: new Map(rows) }
  }
  return { asked, offered: new OfferedParameters((need) => Promise.resolve(prefetch(need))) }
}
const sent = (send: Send): unknown => messages([send], 'job_assign')[0]?.payload.parameters

test('of a job that waits since it was created, the store is not asked', async () => {
  const { asked, offered } = reading()
  expect(offered.ofTurn(created(['a', 300], ['short', 50]))).toBeNull()
  expect(offered.cachedChars).toBe(300)
  const turn = offered.ofTurn(offering(['a', 300]))
  expect(sent(await turn?.complete(assign('a')) as Send)).toEqual(JSON.parse(textOf('a', 300)))
  expect([asked, offered.cachedChars]).toEqual([[], 0])
})

test('the cache has a bound in characters, and drops the oldest', () => {
  const { offered } = reading()
  for (let i = 0; i < 40; i++) offered.ofTurn(created([`job-${i}`, MB]))
  expect(offered.cachedChars).toBe(CACHED_CHARS_MAX)
  offered.ofTurn(created(['huge', CACHED_CHARS_MAX + 1]))
  expect(offered.cachedChars).toBe(CACHED_CHARS_MAX)
})

test('the rest is read in portions of a few megabytes, the next while one is sent', async () => {
  const { asked, offered } = reading()
  const turn = offered.ofTurn(offering(['a', 3 * MB], ['b', MB], ['c', MB], ['d', 9 * MB], ['a', 3 * MB]))
  expect(asked).toEqual([['a', 'b']])
  for (const id of ['a', 'b', 'c', 'd', 'a']) {
    expect(sent(await turn?.complete(assign(id)) as Send)).toEqual(JSON.parse(textOf(id, 200)))
  }
  expect(asked).toEqual([['a', 'b'], ['c'], ['d'], ['a']])
})

test('an offer after a restart has the parameters, and what is said after it comes after it', async () => {
  const store = memoryStore()
  const fleet = bench()
  await store.load(0)
  fleet.turn(submit('j1', { parameters: textOf('j1', 200) }), submit('j2', { parameters: textOf('j2', 50) }))
  const { rows, created: made } = fleet.disk
  for (const id of rows.jobs.keys()) made.add(id)
  await store.commit(fleet.disk)
  const held = heldShell()
  const said: Send[] = []
  let release = (): void => {}
  const loop = startTurnLoop(bench({}, fleet.hot()).state, {
    ...held.shell,
    prefetch: async (need) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return store.prefetch(need)
    },
    deliver: (send) => void said.push(send),
  })
  for (const event of join('r1', { slots: 2 })) loop.push(event)
  await settled()
  held.commits[0]?.resolve()
  await settled()
  expect(messages(said, 'job_assign')).toEqual([])
  release()
  await settled()
  expect(messages(said, 'job_assign').map(({ payload }) => payload.parameters)).toEqual([
    JSON.parse(textOf('j1', 200)),
    JSON.parse(textOf('j2', 50)),
  ])
})

test('a read that fails is a turn that fails', async () => {
  const fleet = bench()
  fleet.turn(submit('j1', { parameters: textOf('j1', 200) }))
  const held = heldShell()
  const failures: unknown[] = []
  const loop = startTurnLoop(bench({}, fleet.hot()).state, {
    ...held.shell,
    prefetch: () => Promise.reject(new Error('the disk is gone')),
    failed: (error) => void failures.push(error),
  })
  for (const event of join('r1')) loop.push(event)
  await settled()
  expect(failures).toEqual([])
  held.commits[0]?.resolve()
  await settled()
  expect(failures).toEqual([new Error('the disk is gone')])
  expect(loop.isIdle).toBe(true)
})
