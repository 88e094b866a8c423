import { describe, expect, test } from 'vitest'
import { snapshotOf } from '../../core/robots/snapshot.ts'
import type { Event } from '../../core/events/index.ts'
import { load } from '../../core/load.ts'
import { fromRobot, isUndecodable } from '../../core/protocol/decode.ts'
import { encode } from '../../core/protocol/encode.ts'
import { MESSAGES } from '../../core/protocol/message.ts'
import { mayRegister } from '../../core/robots/registration.ts'
import { newAllowance, spendAllowance } from '../../core/robots/unregistered.ts'
import { type Bench, bench, closed, ids, join, NO_ROWS, say, summaryOf } from './bench.ts'
import type { KeyRow } from '../../core/records/key.ts'

/** Unregistered connections: the rules P64 to P66. */

const KEY: KeyRow = {
  id: ids.key('k'),
  name: 'k',
  secret: ids.secret('hash'),
  scopes: ['robots:connect'],
  robot_id: null,
  created_at: 0,
  revoked_at: null,
}

const withKey = (settings: Parameters<typeof bench>[0] = {}): Bench => bench(settings, { ...NO_ROWS, keys: [KEY] })

const come = (id: string, from: string | null = null, credential: string | null = null): Event => ({
  type: 'socket.opened',
  socket: ids.socket(id),
  credential: credential === null ? null : ids.secret(credential),
  network: from,
})

describe('places', () => {
  test('[P66] of one network the stranger that came first gives way, and others stay', () => {
    const fleet = bench({ unregisteredSocketsMax: 2 })
    fleet.turn(come('other', '192.0.2.2'), come('unknown'), come('a', '192.0.2.1'), come('b', '192.0.2.1'))
    expect(summaryOf(fleet.turn(come('c', '192.0.2.1')))).toEqual(['a close 1013'])
    expect(summaryOf(fleet.turn(come('d', '192.0.2.1')))).toEqual(['b close 1013'])
    expect(summaryOf(fleet.turn(come('e'), come('f'), come('g'))), 'of no network').toEqual([])
    expect(fleet.warnings, 'said once, however many there are').toHaveLength(1)
  })

  test('[P66] robots are no strangers: any number of them comes from one network', () => {
    const fleet = bench({ unregisteredSocketsMax: 1 })
    for (let n = 0; n < 20; n++) {
      fleet.turn(come(`s${n}`, '192.0.2.1'))
      expect(summaryOf(fleet.turn(say(`r${n}`, 'register', {}, `s${n}`)))).toContain(`s${n} register_ack true`)
    }
    expect(fleet.state.sessions.size).toBe(20)
  })

  test('[P66] when all places are taken the oldest stranger gives way, and nobody else', () => {
    const fleet = withKey({ socketsMax: 4 })
    fleet.turn(...join('r1'), come('keyed', '192.0.2.1', 'hash'), come('a'), come('wrong', null, 'no key'))
    expect(summaryOf(fleet.turn(come('b')))).toEqual(['a close 1013'])
    fleet.turn(closed('a'))
    expect(summaryOf(fleet.turn(come('c', null, 'hash')))).toEqual(['wrong close 1013'])
    fleet.turn(closed('wrong'))
    expect(summaryOf(fleet.turn(come('d', null, 'hash')))).toEqual(['b close 1013'])
    fleet.turn(closed('b'))
    expect(summaryOf(fleet.turn(come('e')))).toEqual(['e close 1013'])
    expect(summaryOf(fleet.turn(say('r2', 'register', {}, 'keyed')))).toContain('keyed register_ack true')
  })

  test('[P66] those that do not answer their close are not without end', () => {
    const fleet = bench({ socketsMax: 3 })
    const sent = Array.from({ length: 10 }, (_, n) => summaryOf(fleet.turn(come(`s${n}`)))).flat()
    expect(sent).toEqual([
      ...['s0', 's1', 's2'].map((id) => `${id} close 1013`),
      ...['s6', 's7', 's8', 's9'].map((id) => `${id} close 1013`),
    ])
  })

  test('[P66] what is counted is what is there', () => {
    const fleet = bench({ registerMs: 10_000 })
    fleet.turn(come('a', '192.0.2.1'), come('b', '192.0.2.1'), come('c', '192.0.2.1'), ...join('r1'))
    fleet.turn(closed('a'))
    fleet.turn({ type: 'socket.flooded', socket: ids.socket('b') })
    expect([...fleet.state.unregistered.all]).toEqual(['c'])
    fleet.pass(10_000)
    expect(fleet.state.unregistered).toEqual({ all: new Set(), byNetwork: new Map() })
  })

  test('[P66] memory that goes forgets none', () => {
    const fleet = bench()
    fleet.turn(come('a', '192.0.2.1'))
    const text = snapshotOf(fleet.state, ids.socket('a')) ?? ''
    const { unregistered: strangers } = load(NO_ROWS, fleet.now, 1, fleet.state.settings, [text])
    expect(strangers).toEqual(fleet.state.unregistered)
  })
})

describe('what may be said before a registration', () => {
  test('[P64] whoever exceeds it is closed with 4429, once, and a robot never is', () => {
    const fleet = bench()
    const flooded = (socket: string): Event => ({ type: 'socket.flooded', socket: ids.socket(socket) })
    fleet.turn(come('s'), ...join('r1'))
    expect(summaryOf(fleet.turn(flooded('s'), flooded('s'), flooded('socket-r1'), flooded('gone')))).toEqual([
      's close 4429',
    ])
    expect(summaryOf(fleet.turn(say('r2', 'register', {}, 's')))).toEqual([])
  })

  test('[P64] twenty frames and 65,536 bytes, and of a robot that has shown its key a megabyte', () => {
    const { state } = withKey()
    const stranger = newAllowance(state, { credential: null })
    expect(Array.from({ length: 21 }, () => spendAllowance(stranger, 1)).indexOf(false)).toBe(20)
    expect(spendAllowance(newAllowance(state, { credential: null }), 65_536)).toBe(true)
    expect(spendAllowance(newAllowance(state, { credential: ids.secret('another') }), 65_537)).toBe(false)
    expect(spendAllowance(newAllowance(state, { credential: ids.secret('hash') }), 1 << 20)).toBe(true)
  })

  test('[P64] a registration counts as one by the rules by which it is judged', () => {
    const { state } = withKey({ robotsAuth: 'key' })
    const letIn = (credential: string | null, meant: string | null = null): boolean =>
      mayRegister(
        state,
        { credential: null, onlyRobot: meant === null ? null : ids.robot(meant) },
        ids.robot('r'),
        credential === null ? null : ids.secret(credential),
      )
    expect([letIn('hash'), letIn('hash', 'r'), letIn('hash', 'other'), letIn('wrong'), letIn(null)])
      .toEqual([true, true, false, false, false])
  })
})

describe('[P65] what is answered is short, whatever was said', () => {
  const long = 'x'.repeat(20_000)
  const types = Object.entries(MESSAGES).map(([type, { payload }]) => [type, Object.keys(payload.entries)] as const)

  /** The answers to a frame, from a robot or from an unregistered connection. */
  function answered(text: string, isRobot: boolean): readonly string[] {
    const fleet = bench()
    if (isRobot) fleet.turn(...join('r1'))
    else fleet.turn(come('socket-r1'))
    const message = fromRobot(text)
    const socket = ids.socket('socket-r1')
    const event: Event = isUndecodable(message)
      ? { type: 'robot.malformed', socket, bytes: 1, refusal: message.refusal, id: message.correlation_id }
      : { type: 'robot.message', socket, message, bytes: 1, credential: null }
    return fleet.turn(event).flatMap((send) =>
      send.to === 'socket' && 'message' in send ? [encode(send.message, 'id', 'now')] : []
    )
  }

  const whole = { job_id: 'j', robot_id: 'r1', message: 'm', entries: [], offer: 1 }
  type Case = readonly [string, unknown]
  const cases = types.flatMap(([type, fields]): readonly Case[] => [
    [`${type} with a long id`, { type, id: long, payload: whole }],
    ...fields.flatMap((field) =>
      [long, [long], { [long]: long }].map((value): Case => [
        `${type} with a long ${field}`,
        { type, id: 'i', payload: { ...whole, [field]: value } },
      ])
    ),
  ])
  const others: readonly Case[] = [
    ['a long type', { type: long, id: long }],
    ['the flat dialect', { type: 'register', id: long, robot_id: long }],
    ['a list', [long]],
  ]
  test.each([...others, ...cases])('%s', (_what, frame) => {
    for (const isRobot of [false, true]) {
      for (const text of answered(JSON.stringify(frame), isRobot)) expect(text.length).toBeLessThan(3_000)
    }
  })
})
