import { describe, expect, test } from 'vitest'
import { fleetPath } from '../../../adapters/fleet/path.ts'
import type { FleetHost } from '../../../adapters/hosting/fleets.ts'
import type { FleetHandle } from '../../../adapters/hosting/open-fleet.ts'
import { StaleEpoch } from '../../../adapters/store/contract.ts'
import { Bug } from '../../../core/base/assert.ts'
import type { ReplyId, SocketId } from '../../../core/base/ids.ts'
import { isRefusal } from '../../../core/base/refusal.ts'
import { START, submit } from '../../core/bench.ts'
import { lab, used } from './hosted.ts'
import type { MemoryDisk } from '../../../adapters/store/memory-disk.ts'

/** The open fleets of a process over time: on disks in memory, with a clock that the test controls. */

test.each([
  ['/', 'default', ''],
  ['/api/v1/jobs', 'default', ''],
  ['/fleets', 'default', ''],
  ['/fleetsaacme', 'default', ''],
  ['/fleets/acme', 'acme', '/fleets/acme'],
  ['/fleets/acme/', 'acme', '/fleets/acme'],
  ['/fleets/acme/fleets/other', 'acme', '/fleets/acme'],
  ['/fleets/default/ws', 'default', '/fleets/default'],
  [`/fleets/${'a'.repeat(63)}/ws`, 'a'.repeat(63), `/fleets/${'a'.repeat(63)}`],
  ['/fleets/0-9/', '0-9', '/fleets/0-9'],
])('%s is of the fleet %s', (path, name, base) => expect(fleetPath(path)).toEqual({ name, base }))

test.each(['', '/', 'Acme', '-a', 'a.b', 'a%2Fb', '..', 'a'.repeat(64), 'a\n'])('/fleets/%j is nobody’s', (name) => {
  expect(fleetPath(`/fleets/${name}`)).toBeNull()
})

const send = ({ fleet }: FleetHandle, id: string) =>
  fleet.request((reply: ReplyId) => ({ ...submit(id), reply }) as ReturnType<typeof submit>)

const refusalOf = async (host: FleetHost, name: string) => {
  const got = await host.acquire(name)
  return isRefusal(got) ? got.refused : 'open'
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('at most as many as the settings say', () => {
  test('whoever is in use stays, whoever has been idle for ten seconds makes room, the longest idle first', async () => {
    const { host, clock, open } = lab(['a', 'b', 'c', 'd'], { fleetsOpenMax: 2 })
    const a = await used(host, 'a')
    const b = await used(host, 'b')
    expect(await refusalOf(host, 'c')).toBe('UNAVAILABLE')
    b.release()
    a.release()
    expect(await refusalOf(host, 'c')).toBe('UNAVAILABLE')
    clock.now += 10_000
    ;(await used(host, 'b')).release()
    ;(await used(host, 'c')).release()
    expect([...open]).toEqual(['b', 'c'])
    expect(await refusalOf(host, 'd')).toBe('UNAVAILABLE')
    await host.stop()
    expect([...open]).toEqual([])
  })

  test('a job that has not ended, a robot and a follower each keep theirs open', async () => {
    const { host, clock, open } = lab(['job', 'robot', 'follower', 'x'], { fleetsOpenMax: 3 })
    const [job, robot, follower] = [await used(host, 'job'), await used(host, 'robot'), await used(host, 'follower')]
    await send(job, 'j1')
    const socket = { id: 's1' as SocketId, send: () => {}, close: () => {}, buffered: () => 0 }
    robot.fleet.opened(socket, null)
    await robot.fleet.whenIdle()
    const unwatch = follower.fleet.watchers.watch(() => {})
    for (const { release } of [job, robot, follower]) release()
    clock.now += 60_000
    expect(await refusalOf(host, 'x')).toBe('UNAVAILABLE')
    unwatch()
    expect(await refusalOf(host, 'x')).toBe('open')
    expect([...open]).toEqual(['job', 'robot', 'x'])
  })

  test('many who ask for one at the same time get the same, and what one of them holds is not closed', async () => {
    const { host, clock } = lab(['a', 'b'], { fleetsOpenMax: 1 })
    const first = await Promise.all([1, 2, 3].map(() => used(host, 'a')))
    expect(new Set(first.map(({ fleet }) => fleet)).size).toBe(1)
    for (const { release } of first) release()
    clock.now += 10_000
    // It cannot be both given to one and closed for another.
    const got = await Promise.all([host.acquire('b'), host.acquire('a'), host.acquire('b'), host.acquire('a')])
    const fleets = new Set(got.flatMap((one) => isRefusal(one) ? [] : [one.fleet]))
    expect([...fleets].map(({ phase }) => phase)).toEqual(['running'])
  })
})

test('a use that is given back twice counts once', async () => {
  const { host, clock } = lab(['a', 'b'], { fleetsOpenMax: 1 })
  const [one, two] = [await used(host, 'a'), await used(host, 'a')]
  one.release()
  one.release()
  clock.now += 10_000
  expect(await refusalOf(host, 'b')).toBe('UNAVAILABLE')
  two.release()
  clock.now += 10_000
  expect(await refusalOf(host, 'b')).toBe('open')
})

describe('at the start', () => {
  test('each is looked into, and those with something to come stay open', async () => {
    const { host, disks, open } = lab(['idle', 'busy', 'far'])
    // The data of an earlier process.
    const before = lab([])
    for (const [name, disk] of disks) (before.disks as Map<string, MemoryDisk>).set(name, disk)
    await send(await used(before.host, 'busy'), 'j1')
    const far = await used(before.host, 'far')
    await far.fleet.request((reply: ReplyId) => {
      return { ...submit('j2', { scheduled_time: START + 7_200_000 }), reply } as ReturnType<typeof submit>
    })
    await before.host.stop()
    await host.start()
    expect([...open]).toEqual(['busy', 'far'])
    await host.stop()
  })

  test('where there is no room for all, the rest waits, and one that is damaged keeps nobody', async () => {
    const { host, clock, disks, failures, open, logs } = lab(['a', 'b', 'broken'], { fleetsOpenMax: 1, fleetIdleMs: 1 })
    const before = lab([])
    for (const [name, disk] of disks) (before.disks as Map<string, MemoryDisk>).set(name, disk)
    for (const name of ['a', 'b']) await send(await used(before.host, name), 'j1')
    await before.host.stop()
    failures.set('open broken', [new Error('damaged')])
    await host.start()
    expect([...open]).toEqual(['a'])
    expect(logs).toContain('fleets wait for others to end: see fleets_open_max')
    const a = await used(host, 'a')
    await a.fleet.request((reply: ReplyId) => ({
      type: 'cancel.requested',
      reply,
      job: 'j1' as never,
      by: 'test',
      reason: '',
    }))
    a.release()
    await expect.poll(() => {
      clock.now += 10
      return [...open]
    }).toEqual(['b'])
    await host.stop()
  })
})

describe('what goes wrong in one', () => {
  test('a bug that comes again closes it, and the others go on', async () => {
    const { host, failures, open, gone } = lab(['a', 'b'])
    const [a, b] = [await used(host, 'a'), await used(host, 'b')]
    failures.set('a', [new Bug('once'), new Bug('twice')])
    await send(a, 'j1')
    await turns()
    await send(a, 'j1')
    await turns()
    expect([...open]).toEqual(['b'])
    expect((await send(b, 'j1')).type).toBe('job')
    // Its next use opens it again.
    expect((await send(await used(host, 'a'), 'j1')).type).toBe('job')
    expect(gone).toEqual([])
  })

  test('one that cannot be read stays open, and keeps no other from being closed', async () => {
    const { host, clock, failures, open } = lab(['a', 'b', 'c'], { fleetsOpenMax: 2 })
    for (const name of ['a', 'b']) (await used(host, name)).release()
    failures.set('read a', [new Error('the disk does not answer')])
    clock.now += 10_000
    expect(await refusalOf(host, 'c')).toBe('open')
    expect([...open]).toEqual(['a', 'c'])
  })

  test('another process that has taken its database over ends this one', async () => {
    const { host, failures, gone } = lab(['a'])
    failures.set('a', [new StaleEpoch()])
    await send(await used(host, 'a'), 'j1')
    expect(gone).toEqual([expect.any(StaleEpoch)])
  })
})

test('nothing is opened or made once it stops', async () => {
  const { host, open } = lab(['a'])
  const stopping = host.stop()
  expect(await refusalOf(host, 'a')).toBe('UNAVAILABLE')
  expect(await host.create('b')).toMatchObject({ refused: 'UNAVAILABLE' })
  await stopping
  expect([...open]).toEqual([])
})
