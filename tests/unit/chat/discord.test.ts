import { describe, expect, test } from 'vitest'
import { discord } from '../../../adapters/chat/discord.ts'
import { problemWithChatKey } from '../../../core/trigger-types/chat-platforms.ts'
import { isEd25519 } from '../../../adapters/crypto/signatures.ts'
import { askedIn, callOf, configOf, DiscordKeys, replyTo } from './call.ts'

/** Discord, with the examples of its manual and the vectors of RFC 8032. */

const CONFIG = { platform: 'discord', user_filter: ['*'] } as const
const AT = 1_700_000_000
/** "Receiving and Responding". */
const COMMAND = {
  type: 2,
  token: 'A_UNIQUE_TOKEN',
  member: {
    user: { id: '53908232506183680', username: 'Mason', discriminator: '1337', public_flags: 131141 },
    roles: ['539082325061836999'],
    permissions: '2147483647',
    nick: null,
  },
  id: '786008729715212338',
  guild_id: '290926798626357999',
  data: {
    options: [{ type: 3, name: 'cardname', value: 'The Gitrog Monster' }],
    type: 1,
    name: 'cardsearch',
    id: '771825006014889984',
  },
  channel_id: '645027906669510667',
}

const asked = (more: object = {}, config: object = {}) =>
  askedIn({ ...CONFIG, ...config }, callOf(JSON.stringify({ ...COMMAND, ...more })))

describe('the key', () => {
  const SMALL = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'ec' + 'ff'.repeat(30) + '7f',
    'ed' + 'ff'.repeat(30) + '7f',
    'ee' + 'ff'.repeat(30) + '7f',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ]
  const signed = SMALL.map((key) => key.slice(0, 62) + (Number.parseInt(key.slice(62), 16) | 0x80).toString(16))
  test.each([...SMALL, ...signed])('%s has a small order: anybody could sign for it', (key) => {
    expect(problemWithChatKey('discord', key)).toContain('anybody could sign for it')
    expect(problemWithChatKey('discord', key.toUpperCase())).toContain('anybody could sign for it')
  })

  test('others are taken', () => {
    const key = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
    expect(problemWithChatKey('discord', key)).toBeNull()
    expect(problemWithChatKey('telegram', 'a'.repeat(16))).toContain('easy to guess')
  })
})

describe('who it is', () => {
  // RFC 8032, 7.1: tests 1 to 3.
  test.each([
    [
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('the signatures of the standard are right: %s', (key, message, signature) => {
    const [signed, made] = [Buffer.from(message, 'hex'), Buffer.from(signature, 'hex')]
    expect(isEd25519(key, signed, made)).toBe(true)
    expect(isEd25519(key, Buffer.concat([signed, Buffer.of(0)]), made)).toBe(false)
    const changed = Buffer.from(made)
    changed[40] = (changed[40] ?? 0) ^ 1
    expect(isEd25519(key, signed, changed)).toBe(false)
    expect(isEd25519(key.replace(/^../, '00'), signed, made)).toBe(false)
    expect(isEd25519('no key', signed, made)).toBe(false)
    expect(isEd25519(key, signed, made.subarray(1))).toBe(false)
  })

  test('what the application’s key signed is let in, for five minutes', async () => {
    const keys = new DiscordKeys()
    const body = JSON.stringify(COMMAND)
    const headers = keys.headers(body, AT)
    const verify = (given: string, shown: typeof headers, seconds: number, key = keys.publicKey) =>
      discord.verify(key, callOf(given, shown, seconds))
    expect(await verify(body, headers, AT)).toBeNull()
    expect(await verify(body, headers, AT + 300, keys.publicKey.toUpperCase())).toBeNull()
    const wrong = [
      verify(body, headers, AT + 301),
      verify(`${body} `, headers, AT),
      verify(body, headers, AT, new DiscordKeys().publicKey),
      verify(body, { ...headers, 'X-Signature-Timestamp': String(AT + 1) }, AT),
      verify(body, { ...headers, 'X-Signature-Ed25519': 'zz' }, AT),
      verify(body, {}, AT),
    ]
    for (const outcome of await Promise.all(wrong)) expect(outcome).toMatchObject({ refused: 'AUTHENTICATION_FAILED' })
  })
})

describe('a command', () => {
  test('is read', () => {
    const { message, dedupeKey } = asked()
    const { raw_payload, ...read } = message
    expect(read).toEqual({
      platform: 'discord',
      message_text: 'The Gitrog Monster',
      command: '/cardsearch',
      options: { cardname: 'The Gitrog Monster' },
      sender_id: '53908232506183680',
      sender_name: 'Mason',
      channel_id: '645027906669510667',
      channel_name: '',
      message_id: '786008729715212338',
      timestamp: '2020-12-08T23:18:04.500Z',
      is_mention: true,
      is_bot: false,
    })
    expect(raw_payload).toEqual(COMMAND)
    expect(dedupeKey).toBe('interaction:786008729715212338')
  })

  test('says by its id when it was given', () => {
    // The example of "Snowflakes".
    expect(asked({ id: '175928847299117063' }).message.timestamp).toBe('2016-04-30T11:18:25.796Z')
    expect(asked({ id: 'another form' }).message.timestamp).toBe('1970-01-01T00:00:00.000Z')
  })

  test('with subcommands, in private, and without values', () => {
    const inner = {
      type: 1,
      name: 'user',
      options: [{ type: 6, name: 'who', value: '1' }, { type: 4, name: 'n', value: 2 }],
    }
    const data = { type: 1, name: 'permissions', options: [{ type: 2, name: 'set', options: [inner] }] }
    expect(asked({ data }).message).toMatchObject({
      command: '/permissions set user',
      options: { who: '1', n: 2 },
      message_text: '1 2',
    })
    const alone = asked({
      data: { type: 1, name: 'go' },
      member: undefined,
      user: { id: '5', username: 'ann', bot: true },
    })
    expect(alone.message).toMatchObject({ command: '/go', message_text: '', sender_name: 'ann', is_bot: true })
  })

  test('of a menu is about a message, or a user', () => {
    const resolved = { messages: { 9: { id: '9', content: 'broken again' } } }
    const about = (data: object) => asked({ data: { name: 'Report', target_id: '9', ...data } }).message
    expect(about({ type: 3, resolved })).toMatchObject({ command: 'Report', message_text: 'broken again' })
    expect(about({ type: 2 })).toMatchObject({ command: 'Report', message_text: '9' })
    expect(about({ type: { toString: 1 } })).toMatchObject({ command: 'Report', message_text: '9' })
  })

  test('is answered with a message that calls nobody, for its author alone or for all', () => {
    const started = { type: 'started', job: 'j1' } as const
    const data = { content: 'Started: job j1.', allowed_mentions: { parse: [] } }
    expect(asked().answer(started)).toEqual({ status: 200, body: { type: 4, data: { ...data, flags: 64 } } })
    const channel = asked({}, { reply: 'channel' })
    expect(channel.answer(started)).toEqual({ status: 200, body: { type: 4, data } })
    for (const type of ['later', 'unsure'] as const) {
      expect(channel.answer({ type })).toMatchObject({ status: 200, body: { type: 4, data: { flags: 64 } } })
    }
  })
})

test('a ping is a pong; what is no command is answered in its form', () => {
  const reply = (type: number) => replyTo(discord, callOf(JSON.stringify({ type, id: '1' })), CONFIG)
  expect(reply(1)).toEqual({ status: 200, body: { type: 1 } })
  expect(reply(4)).toEqual({ status: 200, body: { type: 8, data: { choices: [] } } })
  for (const type of [3, 5]) expect(reply(type)).toMatchObject({ body: { type: 4, data: { flags: 64 } } })
})

test.each([[''], ['[]'], ['{"type":2}']])('what Discord does not send is refused: %s', (body) => {
  expect(discord.read(callOf(body), configOf(CONFIG))).toMatchObject({ refused: expect.stringMatching(/^INVALID_/) })
})
