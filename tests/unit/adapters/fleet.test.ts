import { describe, expect, test } from 'vitest'
import { type Fleet, openFleet, type Platform } from '../../../adapters/fleet/fleet.ts'
import type { RobotSocket } from '../../../adapters/fleet/robot-socket.ts'
import { StaleEpoch, type Store } from '../../../adapters/store/contract.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import { Bug } from '../../../core/base/assert.ts'
import type { ReplyId, SocketId } from '../../../core/base/ids.ts'
import { DEFAULTS } from '../../../core/settings.ts'
import { DEFINITION, ids, START, submit } from '../../core/bench.ts'
import { MemoryDisk } from '../../../adapters/store/memory-disk.ts'

/** A fleet on a disk whose commits fail on demand, with a clock and an alarm that the test controls. */
async function open(disk = new MemoryDisk(), start = START) {
  const failures: Error[] = []
  const gone: Error[] = []
  let alarm: { at: number; ring: () => void } | null = null
  let id = 0
  const logged: unknown[] = []
  /** Elapsed time, and the change of the clock. */
  const world = { now: start, set: 0 }
  const platform: Platform = {
    hibernates: false,
    now: () => world.now + world.set,
    monotonic: () => world.now,
    uuid: () => `uuid-${++id}`,
    rowId: () => `row-${++id}`,
    seed: () => 1,
    defer: (run) => void setImmediate(run),
    post: () => Promise.reject(new Error('there is no network')),
    setAlarm: (at, ring) => void (alarm = at === null ? null : { at: at - world.set, ring }),
    log: (_level, message, details) => {
      if (message.startsWith('the clock was set')) {
        logged.push(['the clock was set', (details as { by_ms: number }).by_ms])
      }
    },
  }
  const inner = memoryStore(disk)
  const store: Store = {
    ...inner,
    commit: (out) => {
      const failure = failures.shift()
      if (failure !== undefined) throw failure
      return inner.commit(out)
    },
  }
  const settings = { ...DEFAULTS, robotsAuth: 'open' as const }
  const fleet: Fleet = await openFleet(store, platform, settings, (error) => void gone.push(error))
  const self = {
    fleet,
    disk,
    world,
    logged,
    failures,
    gone,
    /** Rings the alarm, as if its time had come. */
    async ring() {
      const due = alarm
      alarm = null
      if (due !== null) world.now = Math.max(world.now, due.at)
      due?.ring()
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    },
    /** Advances elapsed time, independent of the clock. */
    async pass(ms: number) {
      const end = world.now + ms
      for (let due = alarm; due !== null && due.at <= end; due = alarm) await self.ring()
      world.now = end
    },
  }
  return self
}

const send = (fleet: Fleet, id: string) =>
  fleet.request((reply: ReplyId) => ({ ...submit(id), reply }) as ReturnType<typeof submit>)

function socket(id: string, pile = 0): RobotSocket & { readonly sent: string[]; readonly closes: number[] } {
  const sent: string[] = []
  const closes: number[] = []
  return {
    id: id as SocketId,
    sent,
    closes,
    send: (text) => void sent.push(text),
    close: (code) => void closes.push(code),
    buffered: () => pile,
  }
}

describe('a commit that fails', () => {
  test('is told to whoever waits, closes every connection, and the rows are loaded anew', async () => {
    const { fleet, failures, ring, disk } = await open()
    const robot = socket('s1')
    fleet.opened(robot, null)
    expect(await send(fleet, 'kept')).toMatchObject({ type: 'job' })
    failures.push(new Error('disk full'))
    expect(await send(fleet, 'lost')).toMatchObject({ refusal: { refused: 'UNAVAILABLE' } })
    expect(robot.closes).toEqual([1012])
    expect(fleet.phase).toBe('recovering')
    expect(await send(fleet, 'too early')).toMatchObject({ refusal: { refused: 'UNAVAILABLE' } })
    await ring()
    expect(fleet.phase).toBe('running')
    expect([...fleet.state.jobs.keys()]).toEqual(['kept'])
    expect(await send(fleet, 'after')).toMatchObject({ type: 'job' })
    expect([...disk.tables.jobs.keys()]).toEqual(['kept', 'after'])
  })

  test('because another process has taken over ends this one', async () => {
    const { fleet, disk, gone } = await open()
    await open(disk)
    expect(await send(fleet, 'j')).toMatchObject({ refusal: { refused: 'UNAVAILABLE' } })
    expect(gone[0]).toBeInstanceOf(StaleEpoch)
  })
})

describe('a bug of ours', () => {
  test('is survived once, and ends the process when it comes again at once', async () => {
    const { fleet, failures, gone, ring } = await open()
    failures.push(new Bug('a rule'))
    await send(fleet, 'a')
    await ring()
    expect([fleet.phase, gone]).toEqual(['running', []])
    failures.push(new Bug('a rule'))
    await send(fleet, 'b')
    expect(gone).toEqual([new Bug('a rule')])
  })

  test('that comes again much later is survived again', async () => {
    const { fleet, failures, gone, ring, world } = await open()
    for (const id of ['a', 'b']) {
      failures.push(new Bug('a rule'))
      await send(fleet, id)
      await ring()
      world.now += 60_000
    }
    expect([fleet.phase, gone]).toEqual(['running', []])
  })
})

test('a fleet that was draining when a commit failed goes on draining', async () => {
  const { fleet, failures, ring } = await open()
  failures.push(new Error('disk full'))
  const answer = send(fleet, 'a')
  fleet.drain()
  await answer
  await ring()
  expect(fleet.phase).toBe('draining')
  expect(await send(fleet, 'b')).toMatchObject({ refusal: { refused: 'UNAVAILABLE' } })
  expect(fleet.state.draining).toBe(true)
})

describe('a peer', () => {
  test('that does not read is closed with 1013', async () => {
    const { fleet } = await open()
    const robot = socket('s1', 64 * 2 ** 20)
    fleet.opened(robot, null)
    fleet.received(robot.id, '{"type":"register","payload":{"robot_id":"r1"}}')
    await fleet.whenIdle()
    expect(robot.sent[0]).toContain('register_ack')
    expect(robot.closes).toContain(1013)
  })

  test('that comes while the fleet drains or recovers is sent away, to come again', async () => {
    const { fleet } = await open()
    fleet.drain()
    const robot = socket('s1')
    fleet.opened(robot, null)
    expect(robot.closes).toEqual([1013])
  })
})

describe('the clock', () => {
  const HOUR = 3_600_000

  test.each([-60_000, -2 * HOUR, -8_760 * HOUR, 2 * HOUR])(
    'that is set by %i ms is followed within a minute, and the log and the health say so',
    async (by) => {
      const { fleet, disk, world, logged, pass } = await open()
      await send(fleet, 'j')
      world.set += by
      await pass(60_000)
      await send(fleet, 'k')
      expect(disk.tables.jobs.get(ids.job('k'))?.created_at).toBe(START + by + 60_000)
      expect(disk.tables.jobs.get(ids.job('j'))?.created_at).toBe(START + by)
      expect(fleet.clock.lastSet).toMatchObject({ by, count: 1 })
      expect(logged).toEqual([['the clock was set', by]])
    },
  )

  test.each([-60_000, -2 * HOUR, -8_760 * HOUR])('that is %i ms behind the rows at a start is followed', async (by) => {
    const { fleet, disk } = await open()
    await send(fleet, 'j')
    await fleet.stop()
    const next = await open(disk, START + by)
    await next.pass(60_000)
    await send(next.fleet, 'k')
    expect(disk.tables.jobs.get(ids.job('k'))?.created_at).toBe(START + by + 60_000)
    expect(next.fleet.clock.lastSet?.by).toBe(by)
    await next.fleet.stop()
    const third = await open(disk, START + by + 60_000)
    await third.pass(60_000)
    expect(third.fleet.clock.lastSet).toBeNull()
  })

  test.each([2 * HOUR, -2 * HOUR])(
    'that is set by %i ms is followed though the disk refuses it at first',
    async (by) => {
      const { fleet, disk, world, failures, pass } = await open()
      await send(fleet, 'j')
      world.set += by
      failures.push(new Error('disk full'))
      await pass(60_000)
      await send(fleet, 'k')
      expect(disk.tables.jobs.get(ids.job('j'))?.created_at).toBe(START + by)
      expect(disk.tables.jobs.get(ids.job('k'))?.created_at).toBe(START + by + 60_000)
    },
  )

  test.each([-2 * HOUR, -8_760 * HOUR])(
    'that is %i ms behind the rows at a start lengthens no back-off',
    async (by) => {
      const first = await open()
      const robot = socket('s1')
      first.fleet.opened(robot, null)
      first.fleet.received(robot.id, '{"type":"register","payload":{"robot_id":"r1"}}')
      await send(first.fleet, 'j')
      first.fleet.received(robot.id, '{"type":"job_reject","payload":{"job_id":"j"}}')
      await first.fleet.whenIdle()
      expect(first.fleet.state.jobs.get(ids.job('j'))?.status).toBe('pending')
      await first.fleet.stop()
      const next = await open(first.disk, START + by)
      await next.pass(60_000)
      expect(next.fleet.state.jobs.get(ids.job('j'))?.status).toBe('queued')
    },
  )

  test('that was ahead and was put right leaves no job with a time to come, near or far, made in the future', async () => {
    const { fleet, disk, world, pass } = await open(new MemoryDisk(), START + 2 * HOUR)
    for (const [id, scheduled_time] of [['near', START + 2.1 * HOUR], ['far', START + 80 * HOUR]] as const) {
      await fleet.request((reply) => ({ ...submit(id, { scheduled_time }), reply }) as never)
    }
    world.set -= 2 * HOUR
    await pass(60_000)
    const made = ['near', 'far'].map((id) => disk.tables.jobs.get(ids.job(id))?.created_at)
    expect(made).toEqual([START, START])
  })

  test.each([
    ['is shown again', HOUR, 0],
    ['is yet to come', 3 * HOUR, 0],
    ['is yet to come, at a start', 3 * HOUR, 1],
  ])(
    'that is set back, to where the time of a job that has ended %s, makes no duplicate of what is new',
    async (_, back, starts) => {
      const first = await open()
      const robot = socket('s1')
      first.fleet.opened(robot, null)
      first.fleet.received(robot.id, '{"type":"register","payload":{"robot_id":"r1"}}')
      const one = { duplicate_key: 'the same', check_duplicate: true }
      await first.fleet.request((reply) => ({ ...submit('old', one), reply }) as never)
      first.fleet.received(robot.id, '{"type":"job_accept","payload":{"job_id":"old"}}')
      first.fleet.received(robot.id, '{"type":"job_complete","payload":{"job_id":"old"}}')
      await first.fleet.whenIdle()
      expect(first.disk.tables.jobs.get(ids.job('old'))?.status).toBe('completed')
      await first.pass(HOUR)
      first.world.set -= back
      await first.pass(60_000)
      let { fleet } = first
      if (starts > 0) {
        await fleet.stop()
        fleet = (await open(first.disk, first.world.now + first.world.set)).fleet
      }
      const answer = await fleet.request((reply) => ({ ...submit('new', one), reply }) as never)
      expect(answer).toMatchObject({ type: 'job', job: { id: 'new' } })
    },
  )

  test('that was ahead does not leave a job waiting until it has caught up', async () => {
    const { fleet, world, pass } = await open(new MemoryDisk(), START + 2 * HOUR)
    const scheduled_time = START + 20_000 + 2 * HOUR
    await fleet.request((reply) => ({ ...submit('soon', { scheduled_time }), reply }) as never)
    world.set -= 2 * HOUR
    await pass(60_000)
    await fleet.request((reply) => ({ ...submit('later', { scheduled_time: START + 80_000 }), reply }) as never)
    expect(fleet.state.jobs.get(ids.job('later'))?.status).toBe('pending')
    await pass(21_000)
    expect(fleet.state.jobs.get(ids.job('later'))?.status).toBe('queued')
  })
})

test('stopping closes connections and answers what has arrived', async () => {
  const { fleet } = await open()
  const robot = socket('s1')
  fleet.opened(robot, null)
  const answer = send(fleet, 'j')
  await fleet.stop()
  expect(await answer).toMatchObject({ type: 'job', job: { id: ids.job('j'), definition: DEFINITION.hash } })
  expect(robot.closes).toEqual([1001])
})
