import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { slackHeaders } from '../unit/chat/call.ts'
import { chapter } from './chapter.ts'
import { calls, DISCORD, KEY, type Made, make, now, update } from './chats.ts'

/** Chats as an administrator sets them up, and their rate limits. */

chapter('chats that are set up', (server) => {
  const { command } = calls(server)

  describe('setting one up', () => {
    const save = (body: object) =>
      server.call<{ payload: { error_message: string; details: Made } }>('POST', '/api/v1/triggers', {
        body: { name: 'C', workflow_id: 'greeting', trigger_type: 'chat', ...body },
      })

    test.each([
      [{ config: {}, secret: KEY }, /platform/],
      [{ config: { platform: 'irc' }, secret: KEY }, /platform: .*slack, telegram, teams, discord/],
      [{ config: { platform: 'slack', chanel_filter: [] }, secret: KEY }, /chanel_filter/],
      [{ config: { platform: 'slack', user_filter: [''] }, secret: KEY }, /user_filter/],
      [{ config: { platform: 'slack', message_pattern: '' }, secret: KEY }, /message_pattern/],
      [{ config: { platform: 'slack', reply: 'all' }, secret: KEY }, /private, channel or none/],
      [{ config: { platform: 'slack' } }, /Missing required field: secret.*signing secret/],
      [{ config: { platform: 'slack' }, secret: 'with spaces in between' }, /secret: must be the signing secret/],
      [
        { config: { platform: 'telegram', channel_filter: ['-1'] }, secret: 'sixteen letters!' },
        /secret: must be 16 to 256 letters/,
      ],
      [{ config: { platform: 'teams' }, secret: KEY }, /secret: must be the security token.*base64/],
      [{ config: { platform: 'telegram' }, secret: KEY }, /user_filter.*anybody can write/],
      [{ config: { platform: 'discord' }, secret: DISCORD.publicKey }, /user_filter.*anybody can write/],
      [
        { config: { platform: 'discord', user_filter: ['*'] }, secret: KEY },
        /secret: must be the public key.*64 hexadecimal/,
      ],
      [{ config: { platform: 'slack' }, secret: KEY, auth: 'github' }, /auth: .*as its platform does it: slack/],
      [{ config: { platform: 'slack' }, secret: KEY, auth: 'telegram' }, /auth: .*as its platform does it: slack/],
      [{ config: { platform: 'slack' }, secret: `${KEY}\n` }, /secret: must be the signing secret/],
    ])('%j is refused', async (body, words) => {
      const { status, body: { payload } } = await save(body)
      expect([status, payload.error_message]).toEqual([400, expect.stringMatching(words)])
    })

    test('the example of the manual works', async () => {
      const manual = readFileSync(new URL('../../docs/CHAT.md', import.meta.url), 'utf8')
      const body = / -d '(\{\n  "id": "ops-chat".*?\n\})'/s.exec(manual)?.[1] ?? ''
      expect((await save({ ...JSON.parse(body) as object, workflow_id: 'greeting' })).status).toBe(201)
      const { text } = (await command('ops-chat', { command: '/orders', text: 'north' })).body
      const job = /^Started: job (.*)\.$/.exec(String(text))?.[1] ?? String(text)
      expect((await server.job(job)).parameters).toEqual({ region: 'north' })
    })

    test.each(['slack', 'telegram', 'teams', 'discord'] as const)('%s is what verifies it', async (platform) => {
      const id = await make(server, platform)
      const shown = await server.api('GET', `/triggers/${id}`)
      expect(shown).toMatchObject({ auth: platform, has_secret: true })
      // The shown values can be sent again.
      const { name, workflow_id, trigger_type, config, auth } = shown
      const body = { name, workflow_id, trigger_type, config, auth }
      expect(await server.api('PUT', `/triggers/${id}`, body)).toMatchObject({ auth: platform })
    })

    test('the key is never shown, and stays when a change does not name it', async () => {
      const id = await make(server, 'slack')
      const trigger = { name: 'Changed', workflow_id: 'greeting', trigger_type: 'chat' }
      const changed = await server.api('PUT', `/triggers/${id}`, {
        ...trigger,
        config: { platform: 'slack', reply: 'channel' },
      })
      expect(changed).toMatchObject({ webhook_path: `/chat/${id}`, has_secret: true, config: { bot_filter: true } })
      expect(JSON.stringify(changed)).not.toContain(KEY)
      expect((await command(id)).body).toMatchObject({ response_type: 'in_channel' })
      // But another platform has another.
      const config = { platform: 'telegram', user_filter: ['@ann'] }
      const reply = await server.call<Made>('PUT', `/api/v1/triggers/${id}`, { body: { ...trigger, config } })
      expect([reply.status, reply.body['secret']]).toEqual([200, expect.stringMatching(/^[\w-]{32}$/)])
      expect(await command(id)).toMatchObject({ status: 401 })
    })
  })
})

chapter('chats that are too many', (server) => {
  const { call, command, telegram } = calls(server)

  test('a chat is held to the limit of webhooks, and told the seconds; whoever is not the platform uses nothing up', async () => {
    const id = await make(server, 'slack')
    await call(id, '{}', slackHeaders('another key of ours', '{}', now()))
    for (let n = 0; n < 2; n++) expect((await command(id)).body['text']).toMatch(/^Started/)
    expect((await command(id)).body['text']).toMatch(/^Nothing was started: too soon\. Try again in \d+ s\.$/)
    const chat = await make(server, 'telegram')
    const answers = []
    for (let n = 0; n < 3; n++) answers.push(await telegram(chat, update('x')))
    expect(answers.map(({ status, body }) => [status, /Started|Try again/.exec(String(body['text']))?.[0]]))
      .toEqual([[200, 'Started'], [200, 'Started'], [200, 'Try again']])
  })

  test('who guesses is told so, and the platform is let in all the same', async () => {
    const id = await make(server, 'slack')
    const statuses = new Set<number>()
    for (let n = 0; n < 25; n++) statuses.add((await call(id, '{}', slackHeaders('another key', '{}', now()))).status)
    expect([...statuses]).toEqual([401, 429])
    // The same count as for webhooks.
    expect((await server.call('POST', '/webhook/nobody', { key: null, body: {} })).status).toBe(429)
    expect((await command(id)).status).toBe(200)
  })
}, { webhook_calls_max: 2, wrong_keys_max: 20 })
