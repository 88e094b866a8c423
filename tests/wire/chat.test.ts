import { describe, expect, test } from 'vitest'
import { DiscordKeys, slackHeaders, teamsHeaders } from '../unit/chat/call.ts'
import { chapter } from './chapter.ts'
import {
  activity,
  calls,
  COMMAND,
  DISCORD,
  form,
  interaction,
  KEY,
  type Made,
  make,
  messageEvent,
  now,
  TEAMS_KEY,
  TOKEN,
  update,
} from './chats.ts'

/** Chats as their platforms call: authorisation, the treatment of messages, and the answers. */

chapter('chats', (server) => {
  const { call, slack, command, telegram, teams, discord } = calls(server)
  const count = async (id: string) => (await server.api('GET', `/triggers/${id}`))['trigger_count']
  const parameters = async (id: string) => {
    const { items } = await server.api<{ items: { id: string }[] }>('GET', `/jobs?trigger_id=${id}`)
    return items[0] === undefined ? null : (await server.job(items[0].id)).parameters
  }
  const jobIn = (text: unknown): string =>
    /^Started: job ([0-9a-f-]{36})\.$/.exec(String(text))?.[1] ?? `none in ${text}`

  describe('Slack', () => {
    test('a command starts a job, and its author is told which', async () => {
      const id = await make(server, 'slack')
      const { status, body } = await command(id)
      expect([status, body]).toEqual([200, { response_type: 'ephemeral', text: expect.any(String) }])
      const job = await server.job(jobIn(body['text']))
      expect(job).toMatchObject({ trigger_id: id, created_by: `trigger:${id}` })
      expect(job.parameters).toMatchObject({
        platform: 'slack',
        command: '/deploy',
        message_text: 'shop now',
        sender_id: 'U1',
        sender_name: 'ann',
        channel_id: 'C1',
        channel_name: 'ops',
        is_mention: true,
      })
      expect(job.parameters['raw_payload']).not.toHaveProperty('token')
      const { items } = await server.api<{ items: Made[] }>('GET', `/triggers/${id}/events`)
      expect(items).toMatchObject([{
        trigger_type: 'chat',
        outcome: 'fired',
        job_id: job.id,
        payload: { message_text: 'shop now' },
        metadata: { source: 'chat', platform: 'slack', event_type: 'command' },
      }])
    })

    test('an event starts a job; sent again, or come as a mention too, it is the same', async () => {
      const id = await make(server, 'slack')
      const event = messageEvent('<@UBOT> go', {})
      const authorized = { ...event, authorizations: [{ user_id: 'UBOT', is_bot: true }] }
      for (const retry of [{}, { 'X-Slack-Retry-Num': '1', 'X-Slack-Retry-Reason': 'http_timeout' }]) {
        expect(await slack(id, authorized, retry)).toMatchObject({ status: 200, text: '' })
      }
      const mention = { ...authorized, event_id: 'Ev0', event: { ...event.event, type: 'app_mention' } }
      expect(await slack(id, mention)).toMatchObject({ status: 200, text: '' })
      expect(await count(id)).toBe(1)
      expect(await parameters(id)).toMatchObject({ message_text: 'go', is_mention: true, command: '' })
    })

    test('the challenge is answered to Slack alone, though the trigger be disabled', async () => {
      const id = await make(server, 'slack', {}, { enabled: false })
      const body = '{"token":"x","challenge":"3eZbrw1aBm","type":"url_verification"}'
      expect(await slack(id, body)).toMatchObject({ status: 200, body: { challenge: '3eZbrw1aBm' } })
      expect(await call(id, body, slackHeaders(`${KEY}x`, body, now()))).toMatchObject({ status: 401 })
      expect((await command(id)).body['text']).toBe('Nothing was started: Trigger is disabled.')
    })
  })

  test('Telegram: a message starts a job and is answered in its chat; the same update is the same job', async () => {
    const id = await make(server, 'telegram')
    const message = update('/deploy shop', { entities: [{ type: 'bot_command', offset: 0, length: 7 }] })
    const first = await telegram(id, message)
    expect(first).toMatchObject({ status: 200, body: { method: 'sendMessage', chat_id: 5 } })
    expect((await server.job(jobIn(first.body['text']))).parameters)
      .toMatchObject({ platform: 'telegram', command: '/deploy', message_text: 'shop', sender_name: 'ann' })
    expect((await telegram(id, message)).body).toEqual(first.body)
    expect(await telegram(id, { update_id: 1, edited_message: message.message })).toMatchObject({
      status: 200,
      text: '',
    })
    expect(await count(id)).toBe(1)
  })

  test('Teams: a mention starts a job and is answered below it; sent again it is the same', async () => {
    const id = await make(server, 'teams')
    const message = activity('deploy shop')
    const first = await teams(id, message)
    expect([first.status, first.body]).toEqual([200, { type: 'message', text: expect.any(String) }])
    expect((await server.job(jobIn(first.body['text']))).parameters)
      .toMatchObject({ platform: 'teams', message_text: 'deploy shop', sender_id: 'a-1', sender_name: 'Ann' })
    expect((await teams(id, message)).body).toEqual(first.body)
    const old = activity('x', { timestamp: new Date(Date.now() - 400_000).toISOString() })
    expect(await teams(id, old)).toMatchObject({ status: 401 })
    expect(await count(id)).toBe(1)
  })

  test('Discord: its ping is answered, a command starts a job, and what it did not sign is 401', async () => {
    const id = await make(server, 'discord')
    const ping = { type: 1, id: '1', application_id: '2', token: 'x' }
    expect(await discord(id, ping)).toMatchObject({ status: 200, body: { type: 1 } })
    const other = new DiscordKeys()
    const body = JSON.stringify(ping)
    expect(await call(id, body, other.headers(body, now()))).toMatchObject({ status: 401 })
    expect(await call(id, body, DISCORD.headers(body, now() - 301))).toMatchObject({ status: 401 })
    const given = interaction()
    const first = await discord(id, given)
    const data = first.body['data'] as Made
    expect(first.body).toMatchObject({ type: 4, data: { flags: 64, allowed_mentions: { parse: [] } } })
    expect((await server.job(jobIn(data['content']))).parameters)
      .toMatchObject({ platform: 'discord', command: '/deploy', options: { what: 'shop' }, message_text: 'shop' })
    expect((await discord(id, given)).body).toEqual(first.body)
    expect(await count(id)).toBe(1)
  })

  test('what the filters pass over starts nothing, and is answered as its platform wants it', async () => {
    const config = {
      channel_filter: ['ops'],
      command_filter: ['deploy'],
      user_filter: ['U1'],
      message_pattern: 'shop*',
    }
    const commands = await make(server, 'slack', config)
    const replyTo = async (fields: Record<string, string>) => String((await command(commands, fields)).body['text'])
    expect(await replyTo({ channel_name: 'random', channel_id: 'C2' })).toBe(
      'Nothing was started: not from this channel.',
    )
    expect(await replyTo({ user_id: 'U2' })).toBe('Nothing was started: you may not start this.')
    expect(await replyTo({ command: '/destroy' })).toBe('Nothing was started: it is not a command for this bot.')
    expect(await replyTo({ text: 'the shop' })).toBe('Nothing was started: the message has another form.')
    expect(await count(commands)).toBe(0)
    expect(await replyTo({})).toMatch(/^Started/)

    const mentions = { mention_required: true }
    const events = await make(server, 'slack', mentions)
    expect(await slack(events, messageEvent('hello'))).toMatchObject({ status: 200, text: '' })
    const bot = messageEvent('hello', { type: 'app_mention', bot_id: 'B1' })
    expect(await slack(events, bot)).toMatchObject({ status: 200, text: '' })
    const bots = await make(server, 'telegram', mentions)
    const group = { chat: { id: -1, type: 'group', title: 'Ops' } }
    expect(await telegram(bots, update('hello', group))).toMatchObject({ status: 200, text: '' })
    for (const id of [events, bots]) expect(await count(id)).toBe(0)

    const team = await make(server, 'teams', { user_filter: ['a-2'] })
    expect((await teams(team, activity('x'))).body)
      .toEqual({ type: 'message', text: 'Nothing was started: you may not start this.' })
    const guild = await make(server, 'discord', { command_filter: ['/destroy'] })
    expect((await discord(guild, interaction())).body)
      .toMatchObject({ type: 4, data: { content: expect.stringMatching(/not a command/), flags: 64 } })

    // Each is counted and listed with the filter that rejected it, whether or not its author got an answer.
    const skips = async (id: string) => {
      const { items } = await server.api<{ items: Made[] }>('GET', `/triggers/${id}/events`)
      const skipped = items.filter(({ outcome }) => outcome === 'skipped').toReversed()
      expect((await server.api('GET', `/triggers/${id}`))['skipped_count']).toBe(skipped.length)
      return skipped.map(({ reason, payload }) => [reason, (payload as Made)['message_text']])
    }
    expect(await skips(commands)).toEqual([
      ['channel_filter', 'shop now'],
      ['user_filter', 'shop now'],
      ['command_filter', 'shop now'],
      ['message_pattern', 'the shop'],
    ])
    expect(await skips(events)).toEqual([['mention_required', 'hello'], ['bot_filter', 'hello']])
    expect(await skips(bots)).toEqual([['mention_required', 'hello']])
    expect(await skips(team)).toEqual([['user_filter', 'x']])
    expect(await skips(guild)).toEqual([['command_filter', 'shop']])
    const { items: [last] } = await server.api<{ items: Made[] }>('GET', `/triggers/${guild}/events`)
    expect(last).toMatchObject({ payload: { command: '/deploy', sender_id: 'U1', raw_payload: {} } })
  })

  test('what the filters pass over is counted of nobody but the platform, and not while the trigger is disabled', async () => {
    const id = await make(server, 'telegram', { mention_required: true }, { enabled: false })
    const group = { chat: { id: -1, type: 'group', title: 'Ops' } }
    const body = JSON.stringify(update('hello', group))
    expect(await call(id, body, { 'X-Telegram-Bot-Api-Secret-Token': `${TOKEN}x` })).toMatchObject({ status: 401 })
    expect(await telegram(id, body)).toMatchObject({ status: 200, text: '' })
    expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ skipped_count: 0 })
    await server.api('POST', `/triggers/${id}/enable`)
    expect(await call(id, body, { 'X-Telegram-Bot-Api-Secret-Token': `${TOKEN}x` })).toMatchObject({ status: 401 })
    expect(await telegram(id, body)).toMatchObject({ status: 200, text: '' })
    expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ skipped_count: 1 })
  })

  test('the filter and the mapping of the trigger see the message', async () => {
    const id = await make(server, 'discord', {}, {
      filter: '@.payload.options.env == "prod" && @.metadata.event_type == "command"',
      mapping: { env: '$.payload.options.env', who: '/payload/sender_name' },
    })
    const replyIn = async (env: string) => {
      const { body } = await discord(id, interaction({ options: [{ type: 3, name: 'env', value: env }] }))
      return String((body['data'] as Made)['content'])
    }
    expect(await replyIn('test')).toMatch(/^Nothing was started: /)
    expect((await server.job(jobIn(await replyIn('prod')))).parameters).toEqual({ env: 'prod', who: 'ann' })
    expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ trigger_count: 1, skipped_count: 1 })
  })

  test('a cooldown: words with the seconds, and nothing that would be sent again', async () => {
    const cooling = { cooldown_seconds: 60 }
    const id = await make(server, 'slack', {}, cooling)
    expect((await command(id)).body['text']).toMatch(/^Started/)
    expect((await command(id)).body['text']).toMatch(/^Nothing was started: too soon\. Try again in (60|5\d) s\.$/)
    expect(await slack(id, messageEvent('x'))).toMatchObject({ status: 200, text: '' })
    expect(await count(id)).toBe(1)
    // Its author gets no answer, so the reason is stored.
    const { items } = await server.api<{ items: Made[] }>('GET', `/triggers/${id}/events`)
    expect(items.map(({ outcome, reason }) => [outcome, reason])).toEqual([['skipped', 'cooldown'], ['fired', '']])
    const chat = await make(server, 'telegram', {}, cooling)
    await telegram(chat, update('x'))
    expect(await telegram(chat, update('x'))).toMatchObject({ status: 200, body: { text: /Try again in/ } })
  })

  test('a workflow that is not published: its author is told, or it is written down', async () => {
    await server.api('POST', '/workflows', { id: 'draft', name: 'Draft', json_definition: { nodes: {} } })
    const id = await make(server, 'teams', {}, { workflow_id: 'draft' })
    expect((await teams(id, activity('x'))).body['text']).toMatch(/^Nothing was started: .*draft/)
    const events = await make(server, 'slack', {}, { workflow_id: 'draft' })
    expect(await slack(events, messageEvent('x'))).toMatchObject({ status: 200, text: '' })
    const { items } = await server.api<{ items: Made[] }>('GET', `/triggers/${events}/events`)
    expect(items).toMatchObject([{ outcome: 'skipped', reason: 'CONFLICT', payload: { message_text: 'x' } }])
  })

  describe('who is not the platform', () => {
    test.each(
      [
        ['slack', form(COMMAND), slackHeaders('another key of ours', form(COMMAND), now())],
        ['slack', form(COMMAND), slackHeaders(KEY, form(COMMAND), now() - 301)],
        ['telegram', '{"update_id":1}', { 'X-Telegram-Bot-Api-Secret-Token': `${TOKEN}x` }],
        ['teams', '{"type":"message"}', teamsHeaders(TEAMS_KEY.replace('v', 'w'), '{"type":"message"}')],
        ['discord', '{"type":1}', { 'X-Signature-Ed25519': '00'.repeat(64), 'X-Signature-Timestamp': String(now()) }],
        ['discord', 'no JSON', {}],
      ] as const,
    )('%s: is told nothing, and uses nothing up', async (platform, body, headers) => {
      const id = await make(server, platform, {}, { cooldown_seconds: 60 })
      const answer = await call(id, body, headers)
      expect(answer.status).toBe(401)
      expect(answer.body).toMatchObject({ status: 'error', error_code: 'AUTHENTICATION_FAILED' })
      expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ trigger_count: 0, last_triggered: null })
    })

    test('neither are other triggers found here, nor this one among webhooks, nor what is from elsewhere let in', async () => {
      const { id } = await server.api('POST', '/triggers', { name: 'T', workflow_id: 'greeting', secret: null })
      for (const unknown of [String(id), 'nobody']) {
        expect(await command(unknown)).toMatchObject({ status: 404, body: { error_code: 'TRIGGER_NOT_FOUND' } })
      }
      const chat = await make(server, 'slack')
      const reply = await server.call('POST', `/webhook/${chat}`, { key: null, body: { event_type: 'x' } })
      expect(reply.status).toBeGreaterThanOrEqual(400)
      expect(await count(chat)).toBe(0)
      const elsewhere = await make(server, 'slack', {}, { allow_from: ['192.0.2.0/24'] })
      expect(await command(elsewhere)).toMatchObject({ status: 403, body: { error_code: 'FORBIDDEN' } })
    })

    test('what a platform cannot have sent is 400, once it is known to be the platform', async () => {
      const id = await make(server, 'telegram')
      expect(await telegram(id, '{')).toMatchObject({ status: 400, body: { error_code: 'INVALID_JSON' } })
      expect(await telegram(id, '{}')).toMatchObject({ status: 400, body: { error_code: 'INVALID_PAYLOAD' } })
      const long = JSON.stringify(update('x'.repeat(1 << 20)))
      expect(await telegram(id, long)).toMatchObject({ status: 413 })
    })
  })
})
