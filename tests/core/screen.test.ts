import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TriggerFired } from '../../core/events/triggers.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import { configOf, type Screened, type TriggerType } from '../../core/trigger-types/index.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { screen } from '../../core/triggers/screen.ts'
import { isLike } from '../../core/base/glob.ts'
import { workOf } from '../work.ts'
import { type Bench, ids } from './bench.ts'
import { fire, outcome, ready, row, trigger } from './triggers.ts'

/** The filters of each type of trigger, and the events that they reject. */

const SECOND = 1_000

/** A trigger of this type with all that is left out of its config. */
function rowOf(type: TriggerType, given: object): TriggerRow {
  const config = configOf(type, given as never)
  if (isRefusal(config)) throw new Error(config.message)
  return { trigger_type: type, config, revision: 1 } as unknown as TriggerRow
}

const MESSAGE: Screened<'chat'> = {
  message_text: 'deploy shop to production',
  command: '/bot now',
  channels: ['C1', 'ops'],
  senders: ['U1', 'ann'],
  is_mention: true,
  is_bot: false,
}

type Message = Partial<Screened<'chat'>>
const why = (config: object, message: Message = {}) =>
  screen(rowOf('chat', { platform: 'slack', ...config }), 'chat', { ...MESSAGE, ...message }).reason

const cases: readonly [string, object, Message, string | null][] = [
  ['all is well where nothing is asked', {}, {}, null],
  ['a bot', {}, { is_bot: true }, 'bot_filter'],
  ['a bot that may', { bot_filter: false }, { is_bot: true }, null],
  ['no mention', { mention_required: true }, { is_mention: false }, 'mention_required'],
  ['a mention', { mention_required: true }, {}, null],
  ['a channel by its id', { channel_filter: ['C2', 'C1'] }, {}, null],
  ['a channel by its name', { channel_filter: ['#Ops'] }, {}, null],
  ['another channel', { channel_filter: ['C2', 'op'] }, {}, 'channel_filter'],
  ['a user by his id', { user_filter: ['U1'] }, {}, null],
  ['a user by his name', { user_filter: ['@ann'] }, {}, null],
  ['another user', { user_filter: ['U2'] }, {}, 'user_filter'],
  ['a user who only calls himself so', { user_filter: ['boss'] }, { senders: ['U1'] }, 'user_filter'],
  ['anybody', { user_filter: ['*'] }, { senders: [''] }, null],
  ['a command', { command_filter: ['/bot now'] }, {}, null],
  ['a command with any subcommand', { command_filter: ['bot'] }, {}, null],
  ['another command', { command_filter: ['/bots', 'now'] }, {}, 'command_filter'],
  ['no command where one is asked for', { command_filter: ['bot'] }, { command: '' }, 'command_filter'],
  ['a pattern', { message_pattern: 'Deploy * to *' }, {}, null],
  ['another pattern', { message_pattern: 'deploy' }, {}, 'message_pattern'],
]

test.each(cases)('a chat: %s', (_name, config, message, reason) => {
  expect(why(config, message)).toBe(reason)
})

test('a chat with several: the first that passes it over is the reason', () => {
  const config = { mention_required: true, channel_filter: ['C2'], message_pattern: 'x' }
  expect(why(config, { is_bot: true, is_mention: false })).toBe('bot_filter')
  expect(why(config, { is_mention: false })).toBe('mention_required')
  expect(why(config)).toBe('channel_filter')
})

test.each<[string, object, Screened<'file_watch'>, string | null]>([
  ['of a kind that is listened for', {}, { event_type: 'created', file_path: '/in/a' }, null],
  ['of another kind', {}, { event_type: 'deleted', file_path: '/in/a' }, 'events'],
  ['that is chosen', { patterns: ['*.pdf'] }, { event_type: 'created', file_path: 'C:\\in\\a.pdf' }, null],
  ['that is not', { patterns: ['*.pdf'] }, { event_type: 'created', file_path: '/in/a.txt' }, 'patterns'],
  ['that is left out', { patterns: ['*', '!~*'] }, { event_type: 'modified', file_path: '/in/~a' }, 'patterns'],
])('a file %s', (_name, config, file, reason) => {
  expect(screen(rowOf('file_watch', { reported: true, ...config }), 'file_watch', file).reason).toBe(reason)
})

test.each<[object, string | null]>([
  [{}, null],
  [{ from_filter: 'billing@' }, null],
  [{ from_filter: 'Billing <*>' }, null],
  [{ from_filter: 'someone' }, 'from_filter'],
  [{ subject_filter: 'INVOICE*42' }, null],
  [{ subject_filter: 'offer' }, 'subject_filter'],
  [{ from_filter: 'someone', subject_filter: 'offer' }, 'from_filter'],
])('mail with %j: %s', (filters, reason) => {
  const mail = { from_name: 'Billing', from_address: 'billing@example.com', subject: 'Your invoice no. 42' }
  expect(screen(rowOf('email', { address: 'a@example.com', ...filters }), 'email', mail).reason).toBe(reason)
})

describe('what they pass over', () => {
  const { config } = rowOf('chat', { platform: 'telegram', user_filter: ['*'] })
  const chat = (given: Partial<TriggerRow> = {}): Bench => ready({ trigger_type: 'chat', config, ...given })
  const message = (reason: string | null, given: Partial<TriggerFired> = {}) =>
    fire({ message_text: 'x' }, { as: 'chat', by: null, screening: { revision: 1, reason }, ...given })

  test('is skipped with the name of the filter, counted and listed, and makes no job', () => {
    const fleet = chat()
    expect(outcome(fleet, message('user_filter'))).toBe('user_filter')
    expect(outcome(fleet, message(null))).toBe('fired')
    expect(fleet.disk.triggerEvents).toMatchObject([
      { outcome: 'skipped', reason: 'user_filter', job_id: null, payload: '{"message_text":"x"}' },
      { outcome: 'fired', reason: '' },
    ])
    expect(row(fleet)).toMatchObject({ trigger_count: 1, skipped_count: 1 })
  })

  test('uses nothing up, and is said before a cooldown or a limit', () => {
    const fleet = chat({ cooldown_ms: 60 * SECOND })
    expect(outcome(fleet, message(null))).toBe('fired')
    for (let i = 0; i < 20; i++) expect(outcome(fleet, message('bot_filter'))).toBe('bot_filter')
    expect(outcome(fleet, message(null))).toBe('RATE_LIMITED')
    fleet.pass(60 * SECOND)
    expect(outcome(fleet, message(null))).toBe('fired')
  })

  test('is answered alike where the trigger is disabled, and not counted', () => {
    const fleet = chat()
    fleet.turn({ type: 'trigger.switched', reply: ids.reply('s'), trigger: ids.trigger('t'), enabled: false })
    const screening = { revision: 2, reason: 'channel_filter' }
    expect(outcome(fleet, message(null, { screening }))).toBe('channel_filter')
    expect(outcome(fleet, message(null, { screening: { revision: 2, reason: null } }))).toBe('FORBIDDEN')
    expect(row(fleet).skipped_count).toBe(0)
    expect(fleet.disk.triggerEvents).toEqual([])
  })

  test('is not judged by filters that the trigger no longer has', () => {
    const fleet = chat()
    fleet.turn(trigger({ trigger_type: 'chat', config, name: 'New' }, 1))
    for (const reason of ['user_filter', null]) expect(outcome(fleet, message(reason))).toBe('UNAVAILABLE')
    expect(row(fleet)).toMatchObject({ trigger_count: 0, skipped_count: 0 })
  })

  test('moves the place of a source on, in the same turn', () => {
    const fleet = ready({ trigger_type: 'email' })
    const screening = { revision: 1, reason: 'subject_filter' }
    expect(outcome(fleet, fire({}, { as: 'email', by: null, cursor: '7', screening }))).toBe('subject_filter')
    expect(row(fleet)).toMatchObject({ cursor: '7', skipped_count: 1 })
  })
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
