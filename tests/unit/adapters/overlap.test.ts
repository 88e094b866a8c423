import { expect, test } from 'vitest'
import { beat, join, submit, summaryOf } from '../../core/bench.ts'
import { heldShell, settled } from './held-loop.ts'

/** The turn loop with a store whose commits overlap. */

test('[P30] with commits that overlap, turns are stepped ahead, and speak in their order', async () => {
  const held = heldShell({}, 3)
  for (const id of ['j1', 'j2', 'j3', 'j4', 'j5']) {
    held.pump.push(submit(id))
    await settled()
  }
  expect(held.commits).toHaveLength(3)
  held.commits[1]?.resolve()
  await settled()
  expect(held.said).toEqual([])
  held.commits[0]?.resolve()
  await settled()
  expect(held.said).toHaveLength(2)
  expect(held.pump.isIdle).toBe(false)
  expect(held.commits.map(({ out }) => [...out.rows.jobs.keys()])).toEqual([['j1'], ['j2'], ['j3'], ['j4', 'j5']])
  for (const commit of held.commits) commit.resolve()
  await held.pump.whenIdle()
  expect(held.said).toHaveLength(5)
})

test('[P30] a turn that writes nothing speaks after the turns before it', async () => {
  const held = heldShell({}, 3)
  for (const event of join('r1')) held.pump.push(event)
  await settled()
  held.pump.push(beat('r1', []))
  await settled()
  expect(held.commits.length).toBe(1)
  expect(held.said).toEqual([])
  held.commits[0]?.resolve()
  await held.pump.whenIdle()
  expect(summaryOf(held.said).at(0)).toBe('socket-r1 register_ack true')
  expect(held.said.length).toBeGreaterThan(2)
})

test('[P30] with commits that overlap, nothing is said from the first that failed on', async () => {
  const held = heldShell({}, 3)
  for (const id of ['j1', 'j2', 'j3']) {
    held.pump.push(submit(id))
    await settled()
  }
  held.commits[2]?.reject(new Error('after the first'))
  held.commits[1]?.reject(new Error('disk full'))
  await settled()
  expect(held.failures).toEqual([])
  held.commits[0]?.resolve()
  await settled()
  expect(held.said).toHaveLength(1)
  expect(held.failures).toEqual([new Error('disk full')])
  await held.pump.whenIdle()
})

test('no turn begins before a change of the clock is durable', async () => {
  const held = heldShell({}, 3)
  held.clock.by = 60_000
  for (const id of ['j1', 'j2']) {
    held.pump.push(submit(id))
    await settled()
  }
  expect(held.commits.map(({ out }) => [out.clockChange?.by, out.rows.jobs.size])).toEqual([[60_000, 0]])
  held.commits[0]?.resolve()
  await settled()
  expect([...held.commits[1]?.out.rows.jobs.keys() ?? []]).toEqual(['j1', 'j2'])
})
