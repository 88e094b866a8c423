import { describe, expect, test } from 'vitest'
import { telegram } from '../../../adapters/chat/telegram.ts'
import { askedIn, callOf, configOf, replyTo } from './call.ts'

/** Telegram, with updates as its guide to webhooks shows them. */

const CONFIG = { platform: 'telegram', user_filter: ['*'] } as const
const TOKEN = 'a_token-of-sixteen-and-more'
const PERSON = { last_name: 'Test Lastname', id: 1111111, is_bot: false, first_name: 'Test', username: 'Testusername' }
const MESSAGE = {
  date: 1441645532,
  chat: { last_name: 'Test Lastname', id: 1111111, type: 'private', first_name: 'Test', username: 'Testusername' },
  message_id: 1365,
  from: PERSON,
  text: '/start',
  entities: [{ type: 'bot_command', offset: 0, length: 6 }],
}
const GROUP = { id: -1001, type: 'supergroup', title: 'Ops', username: 'ops_group' }

const update = (message: object, kind = 'message') => callOf(JSON.stringify({ update_id: 10000, [kind]: message }))
const asked = (message: object, config: object = {}) =>
  askedIn({ ...CONFIG, ...config }, update({ ...MESSAGE, entities: [], ...message }))
const messageIn = (message: object, config: object = {}) => asked(message, config).message

/** Marks what stands between brackets as an entity. */
function marked(text: string, type: string): object {
  const offset = text.indexOf('[')
  const plain = text.replace(/[[\]]/g, '')
  return { text: plain, entities: [{ type, offset, length: text.indexOf(']') - offset - 1 }] }
}

test('whoever has the secret token is let in', async () => {
  const header = 'X-Telegram-Bot-Api-Secret-Token'
  expect(await telegram.verify(TOKEN, callOf('{}', { [header]: TOKEN }))).toBeNull()
  for (const wrong of ['', TOKEN.slice(1), `${TOKEN}x`]) {
    expect(await telegram.verify(TOKEN, callOf('{}', { [header]: wrong })))
      .toMatchObject({ refused: 'AUTHENTICATION_FAILED' })
  }
})

describe('a message', () => {
  test('is read', () => {
    const { message, dedupeKey } = askedIn(CONFIG, update(MESSAGE))
    const { raw_payload, ...read } = message
    expect(read).toEqual({
      platform: 'telegram',
      message_text: '',
      command: '/start',
      options: {},
      sender_id: '1111111',
      sender_name: 'Testusername',
      channel_id: '1111111',
      channel_name: 'Testusername',
      message_id: '1365',
      timestamp: '2015-09-07T17:05:32.000Z',
      is_mention: true,
      is_bot: false,
    })
    expect(raw_payload).toEqual({ update_id: 10000, message: MESSAGE })
    expect(dedupeKey).toBe('update:10000')
  })

  test('in a channel is read, and the caption of a picture', () => {
    const post = { date: 1, chat: { id: -5, type: 'channel', title: 'News' }, sender_chat: { id: -5, title: 'News' } }
    const call = update({ ...post, message_id: 1, text: 'hello' }, 'channel_post')
    expect(askedIn(CONFIG, call).message).toMatchObject({ sender_id: '-5', sender_name: 'News', is_mention: false })
    expect(messageIn({ chat: GROUP, text: undefined, caption: 'a picture' })).toMatchObject({
      message_text: 'a picture',
    })
  })

  test.each([
    ['[/deploy] shop', 'bot_command', {}, { command: '/deploy', message_text: 'shop', is_mention: true }],
    ['[/deploy@ops_bot] shop', 'bot_command', { bot_name: '@Ops_Bot' }, { command: '/deploy', message_text: 'shop' }],
    ['see [/deploy]', 'bot_command', {}, { command: '', message_text: 'see /deploy', is_mention: false }],
    ['[@ops_bot] deploy', 'mention', { bot_name: 'ops_bot' }, { message_text: 'deploy', is_mention: true }],
    ['hey [@Ops_Bot] deploy', 'mention', {}, { message_text: 'hey deploy', is_mention: true }],
    ['[@other_bot] deploy', 'mention', { bot_name: 'ops_bot' }, {
      message_text: '@other_bot deploy',
      is_mention: false,
    }],
    ['[@ann] deploy', 'mention', {}, { message_text: '@ann deploy', is_mention: false }],
    ['👋🏽 [@ops_bot] 👋', 'mention', {}, { message_text: '👋🏽 👋', is_mention: true }],
  ])('%s', (text, type, config, expected) => {
    expect(messageIn({ chat: GROUP, ...marked(text, type) }, config)).toMatchObject(expected)
  })

  test('is cut into characters, wherever it is said to be cut', () => {
    const half = { text: '🤖 go', entities: [{ type: 'bot_command', offset: 0, length: 1 }] }
    expect(messageIn(half)).toMatchObject({ command: '\ufffd', message_text: '\ufffd go' })
  })

  test('is a mention when it answers the bot', () => {
    const reply_to_message = { from: { id: 7, is_bot: true, username: 'ops_bot' } }
    expect(messageIn({ chat: GROUP, text: 'yes', reply_to_message })).toMatchObject({ is_mention: true })
    expect(messageIn({ chat: GROUP, text: 'yes', reply_to_message }, { bot_name: 'x_bot' })).toMatchObject({
      is_mention: false,
    })
  })

  test('of a bot is known as such, and of an administrator who stays unnamed too', () => {
    expect(messageIn({ from: { ...PERSON, is_bot: true } })).toMatchObject({ is_bot: true })
    const unnamed = { from: { id: 1087968824, is_bot: true, username: 'GroupAnonymousBot' }, sender_chat: GROUP }
    expect(messageIn({ chat: GROUP, ...unnamed })).toMatchObject({ is_bot: false, sender_id: '-1001' })
  })

  test('is known by names that nobody else can have', () => {
    const impostor = asked({ from: { id: 9, first_name: 'boss' }, chat: { ...GROUP, username: undefined } })
    expect(impostor.message).toMatchObject({ sender_name: 'boss', channel_name: 'Ops' })
    expect(impostor.aliases).toEqual({ channel: [''], sender: [''] })
  })
})

test.each([
  ['an edited message', update(MESSAGE, 'edited_message')],
  ['a press of a button', update({ id: '1' }, 'callback_query')],
  ['a picture', update({ ...MESSAGE, text: undefined })],
  ['a command for another bot', update({ ...MESSAGE, ...marked('[/start@another_one]', 'bot_command') })],
])('%s is taken note of, and no more', (_name, call) => {
  expect(replyTo(telegram, call, { ...CONFIG, bot_name: 'ops_bot' })).toEqual({ status: 200, body: null })
})

test('who started something is answered in the chat, and who did not hears nothing', () => {
  const { answer } = asked({ chat: GROUP, text: 'x' })
  expect(answer({ type: 'started', job: 'j1' })).toEqual({
    status: 200,
    body: {
      method: 'sendMessage',
      chat_id: -1001,
      text: 'Started: job j1.',
      reply_parameters: { message_id: 1365, allow_sending_without_reply: true },
    },
  })
  expect(answer({ type: 'limited', seconds: 3 })).toMatchObject({ status: 200, body: { text: /in 3 s/ } })
  expect(answer({ type: 'ignored', why: 'x' })).toEqual({ status: 200, body: null })
  for (const type of ['later', 'unsure'] as const) expect(answer({ type })).toMatchObject({ status: 503, body: null })
  const silent = asked({ text: 'x' }, { reply: 'none' })
  expect(silent.answer({ type: 'started', job: 'j1' })).toEqual({ status: 200, body: null })
})

test.each([[''], ['[]'], ['{}'], ['{"message":{"text":"x"}}']])(
  'what Telegram does not send is refused: %s',
  (body) => {
    expect(telegram.read(callOf(body), configOf(CONFIG))).toMatchObject({ refused: expect.stringMatching(/^INVALID_/) })
  },
)
