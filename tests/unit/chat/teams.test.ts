import { describe, expect, test } from 'vitest'
import { problemWithChatKey } from '../../../core/trigger-types/chat-platforms.ts'
import { teams } from '../../../adapters/chat/teams.ts'
import { workOf } from '../../work.ts'
import { askedIn, callOf, configOf, replyTo, teamsHeaders } from './call.ts'

/** Microsoft Teams, with the security token of its manual. */

const CONFIG = { platform: 'teams' } as const
const KEY = 'vqF0En+Z0ucuRTM/01o2GuhMH3hKKk/N2bOmlM31zaA='
const MESSAGE = {
  type: 'message',
  id: '1485983408511',
  timestamp: '2017-02-01T21:10:07.437Z',
  localTimestamp: '2017-02-01T13:10:07.437-08:00',
  serviceUrl: 'https://smba.trafficmanager.net/amer/',
  channelId: 'msteams',
  from: { id: '29:1XJKJMvc5GBtc2', name: 'Larry Jin', aadObjectId: '00000000-0000-0000-0000-000000000001' },
  conversation: {
    isGroup: true,
    id: '19:253b1f341670408fb6fe51050b6e5ceb@thread.skype;messageid=1485983194839',
    conversationType: 'channel',
  },
  recipient: null,
  textFormat: 'plain',
  text: '<at>Contoso</at>&nbsp;deploy shop\n',
  channelData: {
    teamsChannelId: '19:253b1f341670408fb6fe51050b6e5ceb@thread.skype',
    teamsTeamId: '19:712c61d0ef384e5fa681ba90ca943398@thread.skype',
    tenant: { id: '72f988bf-86f1-41af-91ab-2d7cd011db47' },
  },
}
const AT = Date.parse(MESSAGE.timestamp) / 1_000
const BODY = JSON.stringify(MESSAGE)

const textOf = (text: string, bot_name: string | null = null) =>
  askedIn({ ...CONFIG, bot_name }, callOf(JSON.stringify({ ...MESSAGE, text }), {}, AT)).message.message_text

describe('who it is', () => {
  test('what is signed with the token is let in', async () => {
    expect(await teams.verify(KEY, callOf(BODY, teamsHeaders(KEY, BODY)))).toBeNull()
  })

  test('another body, key or header is not', async () => {
    const { Authorization = '' } = teamsHeaders(KEY, BODY)
    const wrong = [
      teams.verify(KEY, callOf(`${BODY} `, { Authorization })),
      teams.verify(KEY.replace('vq', 'qv'), callOf(BODY, { Authorization })),
      teams.verify(KEY, callOf(BODY)),
      teams.verify(KEY, callOf(BODY, { Authorization: Authorization.replace('HMAC', 'Bearer') })),
      teams.verify(KEY, callOf(BODY, { Authorization: 'HMAC' })),
      teams.verify(KEY, callOf(BODY, { Authorization: 'HMAC \u00e9' })),
    ]
    for (const outcome of await Promise.all(wrong)) expect(outcome).toMatchObject({ refused: 'AUTHENTICATION_FAILED' })
  })

  test('what was said more than five minutes ago is too old, by the time that is signed', () => {
    const read = (seconds: number) => teams.read(callOf(BODY, {}, seconds), configOf(CONFIG))
    for (const apart of [-301, 301]) expect(read(AT + apart)).toMatchObject({ refused: 'AUTHENTICATION_FAILED' })
    for (const apart of [-299, 299]) expect(read(AT + apart)).toHaveProperty('message')
  })

  test('the token is known by its form', () => {
    expect(problemWithChatKey('teams', KEY)).toBeNull()
    for (const wrong of ['', 'a token of Teams?', KEY.slice(1), `${KEY}=`]) {
      expect(problemWithChatKey('teams', wrong)).toMatch(/base64/)
    }
  })
})

describe('a message', () => {
  test('is read', () => {
    const { message, dedupeKey } = askedIn(CONFIG, callOf(BODY, {}, AT))
    const { raw_payload, ...read } = message
    expect(read).toEqual({
      platform: 'teams',
      message_text: 'deploy shop',
      command: '',
      options: {},
      sender_id: '00000000-0000-0000-0000-000000000001',
      sender_name: 'Larry Jin',
      channel_id: '19:253b1f341670408fb6fe51050b6e5ceb@thread.skype',
      channel_name: '',
      message_id: '1485983408511',
      timestamp: '2017-02-01T21:10:07.437Z',
      is_mention: true,
      is_bot: false,
    })
    expect(raw_payload).toEqual(MESSAGE)
    expect(dedupeKey).toBe(`message:${MESSAGE.conversation.id}:1485983408511`)
  })

  test.each([
    ['<at>Bot</at> assign <at>Ann</at>', null, 'assign Ann'],
    ['<at>Ann</at> is for <at id="0">Bot</at> to see', 'bot', 'Ann is for to see'],
    ['<p><at>Bot</at>&nbsp;a &lt; b &amp;amp; c</p><p>two</p>', null, 'a < b &amp; c\ntwo'],
    ['<div>x<br/>y</div>', null, 'x\ny'],
    ['1 < 2', null, '1 < 2'],
    ['', null, ''],
  ])('%s', (html, name, text) => {
    expect(textOf(html, name)).toBe(text)
  })

  test('of tags without end is read in no time', async () => {
    const work = await workOf(() => {
      textOf('<at>'.repeat(100_000))
      textOf(`<at${' '.repeat(300_000)}`)
      textOf('<a '.repeat(100_000))
    })
    expect(work).toBeLessThan(2_000)
  })

  test('is answered with a message, whatever comes of it', () => {
    const { answer } = askedIn(CONFIG, callOf(BODY, {}, AT))
    expect(answer({ type: 'started', job: 'j1' })).toEqual({
      status: 200,
      body: { type: 'message', text: 'Started: job j1.' },
    })
    for (const type of ['later', 'unsure'] as const) {
      expect(answer({ type })).toMatchObject({ status: 200, body: { type: 'message' } })
    }
  })
})

test('anything else that happens is answered as well', () => {
  expect(replyTo(teams, callOf('{"type":"conversationUpdate"}'), CONFIG))
    .toMatchObject({ status: 200, body: { type: 'message' } })
})

test.each([[''], ['[]'], ['{"type":"message"}']])('what Teams does not send is refused: %s', (body) => {
  expect(teams.read(callOf(body), configOf(CONFIG))).toMatchObject({ refused: expect.stringMatching(/^INVALID_/) })
})
