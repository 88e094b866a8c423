import { DiscordKeys, type Headers, slackHeaders, teamsHeaders } from '../unit/chat/call.ts'
import type { Server } from './server.ts'

/** Calls of chat platforms, signed as they sign them, to a server. */

export type Made = Readonly<Record<string, unknown>>

export interface Answer {
  readonly status: number
  readonly headers: globalThis.Headers
  readonly text: string
  /** The body, if there is one. */
  readonly body: Made
}

export const KEY = '8f742231b10e8888abcd99yyyzzz85a5'
export const TOKEN = 'a_token-of-sixteen-and-more'
export const TEAMS_KEY = 'vqF0En+Z0ucuRTM/01o2GuhMH3hKKk/N2bOmlM31zaA='
export const DISCORD = new DiscordKeys()

export const now = (): number => Math.floor(Date.now() / 1_000)
const TELEGRAM = { 'X-Telegram-Bot-Api-Secret-Token': TOKEN }

let ids = 0
const nextId = (): string => String(786008729715212338n + BigInt(++ids))

export const form = (fields: Record<string, string>): string => new URLSearchParams(fields).toString()
export const COMMAND = {
  command: '/deploy',
  text: 'shop now',
  user_id: 'U1',
  user_name: 'ann',
  channel_id: 'C1',
  channel_name: 'ops',
}
export const messageEvent = (text: string, more: object = {}) => ({
  type: 'event_callback',
  team_id: 'T1',
  event_id: `Ev${nextId()}`,
  event: {
    type: 'message',
    channel: 'C1',
    channel_type: 'channel',
    user: 'U1',
    text,
    ts: `${now()}.${nextId()}`,
    ...more,
  },
})
export const update = (text: string, more: object = {}) => ({
  update_id: Number(nextId().slice(-9)),
  message: {
    message_id: 7,
    date: now(),
    chat: { id: 5, type: 'private' },
    from: { id: 5, username: 'ann' },
    text,
    ...more,
  },
})
export const activity = (text: string, more: object = {}) => ({
  type: 'message',
  id: nextId(),
  timestamp: new Date().toISOString(),
  text: `<at>Ops</at> ${text}`,
  from: { id: '29:x', name: 'Ann', aadObjectId: 'a-1' },
  conversation: { id: '19:channel@thread.tacv2;messageid=1' },
  ...more,
})
export const interaction = (data: object = {}, more: object = {}) => ({
  type: 2,
  id: nextId(),
  token: 'x',
  channel_id: 'C1',
  member: { user: { id: 'U1', username: 'ann' } },
  data: { type: 1, name: 'deploy', options: [{ type: 3, name: 'what', value: 'shop' }], ...data },
  ...more,
})

/** The calls of each platform, signed as it signs them. */
export function calls(server: Server) {
  const call = async (id: string, body: string, headers: Headers): Promise<Answer> => {
    const response = await fetch(`${server.http}/chat/${id}`, { method: 'POST', headers, body })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text === '' ? {} : JSON.parse(text) as Made,
    }
  }
  const json = (body: unknown): string => typeof body === 'string' ? body : JSON.stringify(body)
  return {
    call,
    slack: (id: string, body: unknown, more: Headers = {}) =>
      call(id, json(body), { ...slackHeaders(KEY, json(body), now()), ...more }),
    command: (id: string, fields: Record<string, string> = {}) => {
      const body = form({ ...COMMAND, trigger_id: nextId(), token: 'old', ...fields })
      const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
      return call(id, body, { ...slackHeaders(KEY, body, now()), ...type })
    },
    telegram: (id: string, body: unknown) => call(id, json(body), TELEGRAM),
    teams: (id: string, body: unknown) => call(id, json(body), teamsHeaders(TEAMS_KEY, json(body))),
    discord: (id: string, body: unknown) => call(id, json(body), DISCORD.headers(json(body), now())),
  }
}

const SECRETS = { slack: KEY, telegram: TOKEN, teams: TEAMS_KEY, discord: DISCORD.publicKey } as const

let triggers = 0

/** Makes a trigger, and returns its id. */
export async function make(
  server: Server,
  platform: keyof typeof SECRETS,
  config: object = {},
  more: object = {},
): Promise<string> {
  const id = `chat-${++triggers}`
  const trigger = { id, name: 'Chat', trigger_type: 'chat', workflow_id: 'greeting', secret: SECRETS[platform] }
  await server.api('POST', '/triggers', { ...trigger, config: { platform, user_filter: ['*'], ...config }, ...more })
  return id
}
