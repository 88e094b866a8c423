import { describe, expect, test } from 'vitest'
import type { MessageOutcome } from '../../../adapters/chat/platform.ts'
import { slack } from '../../../adapters/chat/slack.ts'
import { askedIn, callOf, configOf, replyTo, slackHeaders } from './call.ts'

/** Slack, with the examples of its manual. */

const CONFIG = { platform: 'slack' } as const
const KEY = '8f742231b10e8888abcd99yyyzzz85a5'
const AT = 1531420618
/** "Verifying requests from Slack", with its signature. */
const COMMAND =
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
const SIGNATURE = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'
const HEADERS = { 'X-Slack-Request-Timestamp': String(AT), 'X-Slack-Signature': SIGNATURE }
/** "message.channels" and "app_mention". */
const MESSAGE = {
  token: 'one-long-verification-token',
  team_id: 'T061EG9R6',
  api_app_id: 'A0PNCHHK2',
  event: {
    type: 'message',
    channel: 'C024BE91L',
    user: 'U2147483697',
    text: 'Live long and prospect.',
    ts: '1355517523.000005',
    event_ts: '1355517523.000005',
    channel_type: 'channel',
  },
  type: 'event_callback',
  authed_teams: ['T061EG9R6'],
  event_id: 'Ev0PV52K21',
  event_time: 1355517523,
}
const MENTION = {
  token: 'ZZZZZZWSxiZZZ2yIvs3peJ',
  team_id: 'T061EG9R6',
  api_app_id: 'A0MDYCDME',
  event: {
    type: 'app_mention',
    user: 'U061F7AUR',
    text: 'What ever happened to <@U0LAN0Z89>?',
    ts: '1515449438.000011',
    channel: 'C0LAN2Q65',
    event_ts: '1515449438000011',
  },
  type: 'event_callback',
  event_id: 'Ev0MDYGDKJ',
  event_time: 1515449438000011,
  authed_users: ['U0LAN0Z89'],
}
const BOT = { authorizations: [{ enterprise_id: null, team_id: 'T061EG9R6', user_id: 'U0LAN0Z89', is_bot: true }] }

const asked = (body: object) => askedIn(CONFIG, callOf(JSON.stringify(body)))
const messageIn = (event: object, more: object = {}) =>
  asked({ ...MESSAGE, ...more, event: { ...MESSAGE.event, ...event } }).message

describe('who it is', () => {
  test('the signature of the manual is right, for five minutes', async () => {
    expect(await slack.verify(KEY, callOf(COMMAND, HEADERS, AT))).toBeNull()
    expect(await slack.verify(KEY, callOf(COMMAND, HEADERS, AT + 300))).toBeNull()
    for (const seconds of [AT + 301, AT - 301]) {
      expect(await slack.verify(KEY, callOf(COMMAND, HEADERS, seconds)))
        .toMatchObject({ refused: 'AUTHENTICATION_FAILED' })
    }
  })

  test('another body, key or time is not', async () => {
    const wrong = [
      slack.verify(KEY, callOf(`${COMMAND}&a=b`, HEADERS, AT)),
      slack.verify(`${KEY}x`, callOf(COMMAND, HEADERS, AT)),
      slack.verify(KEY, callOf(COMMAND, { ...HEADERS, 'X-Slack-Request-Timestamp': String(AT + 1) }, AT)),
      slack.verify(KEY, callOf(COMMAND, {}, AT)),
    ]
    for (const outcome of await Promise.all(wrong)) expect(outcome).toMatchObject({ refused: 'AUTHENTICATION_FAILED' })
  })

  test('what a test signs is signed as the manual has it', () => {
    expect(slackHeaders(KEY, COMMAND, AT)).toEqual(HEADERS)
  })
})

describe('a slash command', () => {
  const command = askedIn(CONFIG, callOf(COMMAND, HEADERS, AT))

  test('is read', () => {
    const { raw_payload, ...message } = command.message
    expect(message).toEqual({
      platform: 'slack',
      message_text: '',
      command: '/webhook-collect',
      options: {},
      sender_id: 'U2CERLKJA',
      sender_name: 'roadrunner',
      channel_id: 'G8PSS9T3V',
      channel_name: 'foobar',
      message_id: '398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
      timestamp: '2018-07-12T18:36:58.000Z',
      is_mention: true,
      is_bot: false,
    })
    expect(raw_payload).toMatchObject({ response_url: expect.stringMatching(/^https:\/\/hooks.slack.com/) })
    expect(raw_payload).not.toHaveProperty('token')
    expect(command.dedupeKey).toBe(`command:${message.message_id}`)
  })

  test('has its text as it was typed', () => {
    const body = 'command=%2Fx&text=+a+%26amp%3B+b+%26lt%3B+c%2Bd+&trigger_id=1'
    expect(askedIn(CONFIG, callOf(body)).message.message_text).toBe('a & b < c+d')
  })

  const answers: readonly [MessageOutcome, RegExp][] = [
    [{ type: 'started', job: 'j1' }, /^Started: job j1\.$/],
    [{ type: 'ignored', why: 'not from this channel' }, /^Nothing was started: not from this channel\.$/],
    [{ type: 'limited', seconds: 30 }, /Try again in 30 s\.$/],
    [{ type: 'refused', why: 'Trigger is disabled' }, /Trigger is disabled/],
    [{ type: 'later' }, /^Nothing was started/],
    [{ type: 'unsure' }, /not certain whether a job was started/],
  ]
  test.each(answers)('is answered with 200 and words for its author: $type', (outcome, words) => {
    expect(command.answer(outcome)).toEqual({
      status: 200,
      body: { response_type: 'ephemeral', text: expect.stringMatching(words) },
    })
  })

  test('is answered before the channel, or not at all, where that is wanted', () => {
    const wanted = (reply: 'channel' | 'none') => askedIn({ ...CONFIG, reply }, callOf(COMMAND, HEADERS, AT))
    const started = { type: 'started', job: 'j1' } as const
    expect(wanted('channel').answer(started).body).toMatchObject({ response_type: 'in_channel' })
    expect(wanted('channel').answer({ type: 'later' }).body).toMatchObject({ response_type: 'ephemeral' })
    expect(wanted('none').answer(started)).toEqual({ status: 200, body: null })
    // But nobody is left to believe that something has started.
    expect(wanted('none').answer({ type: 'later' }).body).not.toBeNull()
  })
})

describe('an event', () => {
  test('is read', () => {
    const { message, dedupeKey } = asked(MESSAGE)
    expect(message).toMatchObject({
      message_text: 'Live long and prospect.',
      command: '',
      sender_id: 'U2147483697',
      channel_id: 'C024BE91L',
      message_id: '1355517523.000005',
      timestamp: '2012-12-14T20:38:43.000Z',
      is_mention: false,
      is_bot: false,
    })
    expect(message.raw_payload).not.toHaveProperty('token')
    expect(dedupeKey).toBe('message:T061EG9R6:C024BE91L:1355517523.000005')
  })

  test('is a mention by its type, by the bot’s name in the text, or in private', () => {
    expect(asked({ ...MENTION, ...BOT }).message)
      .toMatchObject({ is_mention: true, message_text: 'What ever happened to ?' })
    expect(messageIn({ text: '<@U0LAN0Z89> deploy &lt;it&gt;' }, BOT))
      .toMatchObject({ is_mention: true, message_text: 'deploy <it>' })
    expect(messageIn({ text: '<@U0LAN0Z89|bot> deploy' }, BOT)).toMatchObject({
      is_mention: true,
      message_text: 'deploy',
    })
    expect(messageIn({ text: '<@U1> deploy' }, BOT)).toMatchObject({ is_mention: false, message_text: '<@U1> deploy' })
    expect(messageIn({ channel_type: 'im' })).toMatchObject({ is_mention: true })
  })

  test('is the same message as a mention and as a message, and when it is sent again', () => {
    const both = ['message', 'app_mention'].map((type) => ({ ...MESSAGE, event: { ...MESSAGE.event, type } }))
    const [plain, mention] = both.map((body, n) => asked({ ...body, event_id: `Ev${n}` }).dedupeKey)
    expect(plain).toBe(mention)
  })

  test('of a bot is known as such', () => {
    expect(messageIn({ bot_id: 'B1' })).toMatchObject({ is_bot: true })
    expect(messageIn({ subtype: 'bot_message', user: undefined, bot_id: 'B1', username: 'Build' }))
      .toMatchObject({ is_bot: true, sender_id: 'B1', sender_name: 'Build' })
  })

  test('that is nobody’s words is taken note of, and no more', () => {
    for (const event of [{ type: 'reaction_added' }, { ...MESSAGE.event, subtype: 'message_changed' }]) {
      expect(replyTo(slack, callOf(JSON.stringify({ ...MESSAGE, event })), CONFIG)).toEqual({ status: 200, body: null })
    }
    expect(replyTo(slack, callOf('{"type":"app_rate_limited"}'), CONFIG)).toEqual({ status: 200, body: null })
  })

  test('is answered with an empty 200, and with 503 where sending it again helps', () => {
    const { answer } = asked(MESSAGE)
    for (const type of ['later', 'unsure'] as const) expect(answer({ type })).toMatchObject({ status: 503, body: null })
    expect(answer({ type: 'started', job: 'j1' })).toEqual({ status: 200, body: null })
    // A message is not kept for later: sent again it would start a job that nobody expects any more.
    expect(answer({ type: 'limited', seconds: 5 })).toEqual({ status: 200, body: null })
    expect(answer({ type: 'refused', why: '' })).toEqual({ status: 200, body: null })
    expect(answer({ type: 'ignored', why: '' })).toEqual({ status: 200, body: null })
  })
})

test('its challenge is said back, and its look at the certificate answered', () => {
  const challenge = '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P'
  const body = JSON.stringify({ token: 'Jhj5dZrVaK7ZwHHjRyZWjbDl', challenge, type: 'url_verification' })
  expect(replyTo(slack, callOf(body), CONFIG)).toEqual({ status: 200, body: { challenge } })
  expect(replyTo(slack, callOf('ssl_check=1&token=x'), CONFIG)).toEqual({ status: 200, body: null })
})

test.each([['a=b'], [''], ['{'], ['{}'], ['{"type":"event_callback","event":{"type":"message"}}'], [
  'command=%2Fx&text=%00',
]])(
  'what Slack does not send is refused: %s',
  (body) => {
    expect(slack.read(callOf(body), configOf(CONFIG))).toMatchObject({ refused: expect.stringMatching(/^INVALID_/) })
  },
)
