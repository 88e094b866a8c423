import { describe, expect, test } from 'vitest'
import { startTurnLoop } from '../../../adapters/fleet/turn-loop.ts'
import type { Ports } from '../../../adapters/fleet/ports.ts'
import type { Send } from '../../../core/turn.ts'
import { Receipt } from '../../../core/base/receipt.ts'
import { DEFAULTS } from '../../../core/settings.ts'
import { load } from '../../../core/load.ts'
import type { Event } from '../../../core/events/index.ts'
import {
  beat,
  complete,
  ids,
  job as rowOf,
  join,
  NO_ROWS,
  running,
  say,
  START,
  submit,
  summaryOf,
} from '../../core/bench.ts'
import { NOTHING_PREFETCHED } from '../../../core/prefetch.ts'
import { heldShell, settled } from './held-loop.ts'

describe('one turn', () => {
  test('[P30] nothing is said before its turn is durable', async () => {
    const held = heldShell()
    for (const event of [...join('r1'), submit('j1')]) held.pump.push(event)
    await settled()
    expect(held.commits).toHaveLength(1)
    expect(held.said).toEqual([])
    held.commits[0]?.resolve()
    await settled()
    expect(summaryOf(held.said)).toEqual([
      'socket-r1 register_ack true',
      'socket-r1 status_request',
      'socket-r1 job_assign j1#1',
    ])
  })

  test('a message that cannot be sent keeps no other from being sent, nor the next turn from coming', async () => {
    const held = heldShell()
    held.refuses.add('socket-r1')
    for (const event of [...join('r1'), ...join('r2')]) held.pump.push(event)
    await settled()
    held.commits[0]?.resolve()
    await settled()
    expect(summaryOf(held.said)).toContain('socket-r2 register_ack true')
    expect(held.failures).toEqual([])
    expect(held.warnings[0]).toMatchObject({ message: 'a message could not be sent', details: { to: 'socket-r1' } })
    held.pump.push(submit('j1'))
    await settled()
    expect(held.commits).toHaveLength(2)
  })

  test('a webhook that is deleted in the turn in which something happens is not told of it', async () => {
    const held = heldShell()
    held.pump.push({
      type: 'webhook.saved',
      reply: ids.reply('w'),
      webhook: 'w1' as never,
      mode: 'create',
      by: 'tester',
      url: 'https://example.com/',
      description: '',
      events: ['job.*'],
      workflow: null,
      secret: 'whsec_x',
    })
    await settled()
    held.commits[0]?.resolve()
    await settled()
    held.pump.push(submit('j1'))
    held.pump.push({ type: 'webhook.deleted', reply: ids.reply('d'), webhook: 'w1' as never, by: 'tester' })
    await settled()
    held.commits[1]?.resolve()
    await settled()
    expect(held.commits[1]?.out.rows.deliveries.size).toBe(0)
    expect(held.called).toEqual([])
  })

  test('[P30] what a turn that failed would have said is never said, and nothing more is done', async () => {
    const held = heldShell()
    held.pump.push(submit('j1'))
    await settled()
    held.commits[0]?.reject(new Error('disk full'))
    await settled()
    held.pump.push(submit('j2'))
    await settled()
    expect(held.said).toEqual([])
    expect(held.commits).toHaveLength(1)
    expect(held.failures).toEqual([new Error('disk full')])
  })

  test('what arrives while a commit is under way shares the next one', async () => {
    const held = heldShell()
    held.pump.push(submit('j1'))
    await settled()
    for (const id of ['j2', 'j3', 'j4']) held.pump.push(submit(id))
    await settled()
    expect(held.commits).toHaveLength(1)
    held.commits[0]?.resolve()
    await settled()
    expect([...held.commits[1]?.out.rows.jobs.keys() ?? []]).toEqual(['j2', 'j3', 'j4'])
    held.commits[1]?.resolve()
    await held.pump.whenIdle()
    expect(held.said).toHaveLength(4)
  })

  test('a job outside memory is asked for before the step, one inside is not', async () => {
    const held = heldShell()
    for (const event of [...join('r1'), submit('j1')]) held.pump.push(event)
    await settled()
    held.commits[0]?.resolve()
    await settled()
    held.pump.push(complete('r1', 'j1'))
    held.pump.push(complete('r1', 'long-ago'))
    await settled()
    expect(held.asked).toMatchObject([{ jobs: [ids.job('long-ago')] }])
  })

  test('a robot that repeats a result within the turn that took it is not told of an unknown job', () => {
    const fleet = running()
    expect(summaryOf(fleet.turn(complete('r1', 'j1', { n: 1 }), complete('r1', 'j1', { n: 1 })))).toEqual([])
    expect(rowOf(fleet, 'j1').status).toBe('completed')
  })
})

describe('deadlines', () => {
  /** A loop in the hands of the test: what waits in the sockets is read before `defer` runs, as on Node. */
  function loop(settings = {}) {
    const state = load(NO_ROWS, START, 1, { ...DEFAULTS, robotsAuth: 'open', ...settings })
    const said: Send[] = []
    const world = { now: START, alarm: null as number | null }
    /** Events that each check of the sockets finds. */
    const sockets: Event[][] = []
    const soon: (() => void)[] = []
    const shell: Ports = {
      now: () => world.now,
      clockSet: () => 0,
      prefetch: () => NOTHING_PREFETCHED,
      commit: (out) => new Receipt(out.turn),
      callWebhook: () => {},
      deliver: (send) => void said.push(send),
      setAlarm: (at) => void (world.alarm = at),
      defer: (run) => void soon.push(run),
      failed: (error) => {
        throw error
      },
    }
    const self = {
      pump: startTurnLoop(state, shell),
      state,
      said,
      world,
      sockets,
      /** One look at the sockets, and what was to run after it. */
      async look() {
        for (const event of sockets.shift() ?? []) self.pump.push(event)
        for (const run of soon.splice(0)) run()
        await settled()
      },
      async settle() {
        while (soon.length > 0 || sockets.length > 0) await self.look()
      },
    }
    return self
  }

  const accept = { job_id: 'j' }

  /** A robot has been offered a job, and then the process stands still for so long. */
  async function stoodStill(ms: number) {
    const fleet = loop()
    for (const event of [...join('r1'), submit('j')]) fleet.pump.push(event)
    await fleet.settle()
    fleet.said.length = 0
    fleet.world.now += ms
    return fleet
  }

  test.each([1, 2, 20, 100])('are judged after what waits in the sockets was read, in %i looks', async (looks) => {
    const fleet = await stoodStill(10 * 60_000)
    // Timers come before sockets.
    fleet.pump.alarm()
    for (let i = 1; i < looks; i++) fleet.sockets.push([beat('r1', ['j'])])
    fleet.sockets.push([say('r1', 'job_accept', accept), say('r1', 'job_complete', { ...accept, result: {} })])
    await fleet.settle()
    expect(fleet.state.jobs.size).toBe(0)
    expect(fleet.state.sessions.get(ids.robot('r1'))?.lastFrameAt).toBe(fleet.world.now)
    expect(summaryOf(fleet.said).filter((text) => !text.includes('heartbeat_ack'))).toEqual([])
  })

  test('are judged in the end, however much comes', async () => {
    const fleet = await stoodStill(10 * 60_000)
    fleet.pump.push({ type: 'socket.opened', socket: ids.socket('silent'), credential: null })
    await fleet.settle()
    fleet.world.now += 10 * 60_000
    fleet.pump.alarm()
    let looks = 0
    while (fleet.state.sockets.has(ids.socket('silent')) && looks < 1_000) {
      fleet.sockets.push([beat('r1', ['j'])])
      await fleet.look()
      looks++
      if (fleet.state.sockets.get(ids.socket('silent'))?.closing === true) break
    }
    expect(looks).toBeLessThan(300)
  })

  test('are judged up to when the alarm rang, and not up to when everything had been read', async () => {
    const fleet = loop()
    for (const event of join('r1')) fleet.pump.push(event)
    await fleet.settle()
    const lease = fleet.state.timers.at('robot.lease', 'r1')
    fleet.world.now = lease - 1
    fleet.pump.alarm()
    // It stands still between the look at the clock and the look at the sockets.
    fleet.world.now += 10 * 60_000
    await fleet.settle()
    expect(fleet.state.sessions.size).toBe(1)
    fleet.pump.alarm()
    await fleet.settle()
    expect(fleet.state.sessions.size).toBe(0)
  })
})
