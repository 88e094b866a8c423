import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { CHAT_PLATFORM_BY_NAME } from '../../../adapters/chat/index.ts'
import { CHAT_PLATFORM_NAMES, type ChatPlatformName } from '../../../core/trigger-types/chat-platforms.ts'
import { type Json, parseJson } from '../../../core/base/json.ts'
import { isRefusal } from '../../../core/base/refusal.ts'
import { screenedIn, skipText } from '../../../adapters/chat/filter.ts'
import { screen } from '../../../core/triggers/screen.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import { callOf, configOf } from './call.ts'

/** Any message of a platform, present or future, is accepted or refused without a failure. */

const AT = Date.parse('2026-01-05T09:00:00Z') / 1_000

const REAL: Readonly<Record<ChatPlatformName, readonly Json[]>> = {
  slack: [
    {
      type: 'event_callback',
      team_id: 'T1',
      event_id: 'Ev1',
      authorizations: [{ user_id: 'U9', is_bot: true }],
      event: { type: 'message', channel: 'C1', user: 'U1', text: '<@U9> go', ts: '1767603600.000100', subtype: '' },
    },
    { command: '/go', text: 'now', user_id: 'U1', channel_id: 'C1', trigger_id: '1' },
  ],
  telegram: [{
    update_id: 1,
    message: {
      message_id: 2,
      date: AT,
      chat: { id: 3, type: 'group', title: 'Ops' },
      from: { id: 4, is_bot: false, first_name: 'Ann', username: 'ann' },
      text: '/go@ops_bot 👍🏽 @ops_bot now',
      entities: [{ type: 'bot_command', offset: 0, length: 11 }, { type: 'mention', offset: 17, length: 8 }],
      reply_to_message: { from: { username: 'ops_bot' } },
    },
  }],
  teams: [{
    type: 'message',
    id: '1',
    timestamp: '2026-01-05T09:00:00Z',
    text: '<at>Ops</at> go',
    from: { id: '29:x', name: 'Ann' },
    conversation: { id: '19:y;messageid=1' },
    channelData: { channel: { id: '19:y' } },
  }],
  discord: [{
    type: 2,
    id: '786008729715212338',
    channel_id: '5',
    channel: { id: '5', name: 'ops' },
    member: { user: { id: '6', username: 'ann' } },
    data: {
      type: 1,
      name: 'go',
      target_id: '9',
      options: [{ type: 1, name: 'now', options: [{ type: 3, name: 'what', value: 'shop' }] }],
      resolved: { messages: { 9: { content: 'x' } } },
    },
  }],
}

/** The same with one value somewhere in it that is another. */
function changed(json: Json, at: number, value: Json): Json {
  let left = at
  const walk = (node: Json): Json => {
    if (left-- === 0) return value
    if (typeof node !== 'object' || node === null) return node
    if (Array.isArray(node)) return (node as readonly Json[]).map(walk)
    return Object.fromEntries(Object.entries(node).map(([name, member]) => [name, walk(member)]))
  }
  return walk(json)
}

test.each(CHAT_PLATFORM_NAMES)('%s', (platform) => {
  const config = configOf({ platform, user_filter: ['*'], bot_name: null, message_pattern: '*go*' })
  const trigger = { trigger_type: 'chat', config, revision: 1 } as unknown as TriggerRow
  const values = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
    fc.constantFrom<Json>(
      { toString: 1, valueOf: 1 },
      '',
      '-1',
      1e308,
      -1,
      0.5,
      3,
      true,
      null,
      [],
      {},
      '🤖'.repeat(3),
      '__proto__',
      'ops_bot',
    ),
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...REAL[platform]),
      fc.nat(40),
      values,
      fc.nat(40),
      values,
      (real, a, one, b, other) => {
        const body = JSON.stringify(changed(changed(real, a, one), b, other))
        const read = CHAT_PLATFORM_BY_NAME[platform].read(callOf(body, {}, AT), config)
        if (isRefusal(read)) return
        if (!('message' in read)) {
          expect(read.status).toBe(200)
          return
        }
        const { raw_payload: _, options, is_bot, is_mention, ...texts } = read.message
        for (const text of Object.values(texts)) expect(text).toEqual(expect.any(String))
        expect([typeof is_bot, typeof is_mention, typeof read.dedupeKey]).toEqual(['boolean', 'boolean', 'string'])
        expect(new Date(texts.timestamp).toISOString()).toBe(texts.timestamp)
        // It can be stored and read back unchanged.
        const text = JSON.stringify({ ...texts, options })
        expect(parseJson(text)).toMatchObject({ json: JSON.parse(text) })
        const { reason } = screen(trigger, 'chat', screenedIn(read))
        expect(skipText(reason ?? 'filter')).toEqual(expect.any(String))
        for (const type of ['later', 'unsure'] as const) expect([200, 503]).toContain(read.answer({ type }).status)
        return
      },
    ),
    { numRuns: 1_500 },
  )
})
