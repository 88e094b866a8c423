import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { filterReason } from '../../../adapters/chat/filter.ts'
import type { ChatMessage, IncomingMessage } from '../../../adapters/chat/platform.ts'
import { isLike } from '../../../core/base/glob.ts'
import { workOf } from '../../work.ts'
import { configOf } from './call.ts'

/** The filters of a trigger's messages. */

const MESSAGE: ChatMessage = {
  platform: 'slack',
  message_text: 'deploy shop to production',
  command: '/bot now',
  options: {},
  sender_id: 'U1',
  sender_name: 'ann',
  channel_id: 'C1',
  channel_name: 'ops',
  message_id: '1',
  timestamp: '2026-01-05T09:00:00.000Z',
  is_mention: true,
  is_bot: false,
  raw_payload: {},
}

const asked = (message: Partial<ChatMessage> = {}): IncomingMessage => ({
  message: { ...MESSAGE, ...message },
  aliases: { channel: ['ops'], sender: ['ann'] },
  dedupeKey: '1',
  fireAndForget: false,
  answer: () => ({ status: 200, body: null }),
})

type Config = Omit<Parameters<typeof configOf>[0], 'platform'>
const why = (config: Config, message: Partial<ChatMessage> = {}) =>
  filterReason(asked(message), configOf({ platform: 'slack', ...config }))

const cases: readonly [string, Config, Partial<ChatMessage>, RegExp | null][] = [
  ['all is well where nothing is asked', {}, {}, null],
  ['a bot', {}, { is_bot: true }, /bots/],
  ['a bot that may', { bot_filter: false }, { is_bot: true }, null],
  ['no mention', { mention_required: true }, { is_mention: false }, /spoken to/],
  ['a mention', { mention_required: true }, {}, null],
  ['a channel by its id', { channel_filter: ['C2', 'C1'] }, {}, null],
  ['a channel by its name', { channel_filter: ['#Ops'] }, {}, null],
  ['another channel', { channel_filter: ['C2', 'op'] }, {}, /channel/],
  ['a user by his id', { user_filter: ['U1'] }, {}, null],
  ['a user by his name', { user_filter: ['@ann'] }, {}, null],
  ['another user', { user_filter: ['U2'] }, {}, /you may not/],
  ['a user who only calls himself so', { user_filter: ['boss'] }, { sender_name: 'boss' }, /you may not/],
  ['anybody', { user_filter: ['*'] }, { sender_id: '' }, null],
  ['a command', { command_filter: ['/bot now'] }, {}, null],
  ['a command with any subcommand', { command_filter: ['bot'] }, {}, null],
  ['another command', { command_filter: ['/bots', 'now'] }, {}, /command/],
  ['no command where one is asked for', { command_filter: ['bot'] }, { command: '' }, /command/],
  ['a pattern', { message_pattern: 'Deploy * to *' }, {}, null],
  ['another pattern', { message_pattern: 'deploy' }, {}, /form/],
]

test.each(cases)('%s', (_name, config, message, reason) => {
  const outcome = why(config, message)
  if (reason === null) expect(outcome).toBeNull()
  else expect(outcome).toMatch(reason)
})

describe('patterns', () => {
  const matches = (pattern: string, text: string): boolean => isLike(text.trim(), pattern, true)

  test.each([
    ['*', '', true],
    ['*', 'anything at all', true],
    ['deploy', ' DEPLOY ', true],
    ['deploy', 'deploy it', false],
    ['deploy*', 'deployed', true],
    ['*deploy', 'please deploy', true],
    ['*deploy', 'deploy please', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*ab*ab*', 'ab', false],
    ['*ab*ab*', 'xabxabx', true],
    ['ab*bc', 'abc', false],
    ['**x**', 'x', true],
    ['1.0 (beta)? [x]', '1.0 (beta)? [x]', true],
    ['a.c', 'abc', false],
    ['straße', 'STRAßE', true],
    ['*', 'two\nlines', true],
  ])('%s on %j: %s', (pattern, text, is) => {
    expect(matches(pattern, text)).toBe(is)
  })

  test('as a regular expression would have it', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 8 }).map((list) => list.join(''))
    const text = fc.array(fc.constantFrom('a', 'b'), { maxLength: 12 }).map((list) => list.join(''))
    fc.assert(
      fc.property(letters, text, (pattern, given) => {
        expect(matches(pattern, given)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(given))
      }),
      { numRuns: 2_000 },
    )
  })

  test('what takes a regular expression for ever takes no time', async () => {
    const work = await workOf(() => {
      expect(matches(`${'*a'.repeat(249)}*b`, 'a'.repeat(1 << 20))).toBe(false)
      expect(matches(`*${'a'.repeat(400)}b*`, 'a'.repeat(40_000))).toBe(false)
    })
    expect(work).toBeLessThan(1_000)
  })
})
