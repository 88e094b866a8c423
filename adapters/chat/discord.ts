import type { ChatConfig } from '../../core/trigger-types/chat.ts'
import { isObject, type Json, type JsonObject } from '../../core/base/json.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { verifyDiscord, verifyDiscordHeaders } from '../crypto/signatures.ts'
import {
  type ChatPlatform,
  type ChatReply,
  type IncomingMessage,
  instantOf,
  jsonOf,
  listIn,
  objectIn,
  outcomeText,
  textIn,
  unexpectedBody,
} from './platform.ts'

/** Discord: interactions, which are commands. It waits three seconds for the answer, and does not ask again. */
export const discord: ChatPlatform = {
  answerMs: 2_400,

  verifyHeaders: (_key, head) => verifyDiscordHeaders(head),
  verify: (key, call) => Promise.resolve(verifyDiscord(key, call)),

  read(call, config) {
    const body = jsonOf(call)
    if (isRefusal(body)) return body
    const json = body.written
    if (!isObject(json)) return unexpectedBody('Discord', 'no object')
    switch (json['type']) {
      case PING:
        return { status: 200, body: { type: PONG } }
      case COMMAND:
        return textIn(json, 'id') === '' ? unexpectedBody('Discord', 'no id') : commandIn(json, call.now, config)
      case COMPLETION:
        return { status: 200, body: { type: CHOICES, data: { choices: [] } } }
      default:
        return textReply('Only commands are taken.', true)
    }
  },
}

const PING = 1
const COMMAND = 2
const COMPLETION = 4
const PONG = 1
const MESSAGE = 4
const CHOICES = 8
/** A message that only the author of the command sees. */
const EPHEMERAL = 64

/** The types of commands: of the chat, or of the menu of a user or a message. */
const OF_CHAT = 1

/** The first instant of Discord's ids, which say when they were made. */
const EPOCH_MS = 1_420_070_400_000

function commandIn(json: JsonObject, now: number, config: ChatConfig): IncomingMessage {
  const data = objectIn(json, 'data')
  const member = objectIn(json, 'member')
  const user = isObject(json['user']) ? json['user'] : objectIn(member, 'user')
  const channel = objectIn(json, 'channel')
  const id = textIn(json, 'id')
  const { words, options } = optionsOf(data)
  const ofChat = (data['type'] ?? OF_CHAT) === OF_CHAT
  const command = [textIn(data, 'name'), ...words].join(' ')
  return {
    message: {
      platform: 'discord',
      message_text: ofChat ? Object.keys(options).map((name) => textIn(options, name)).join(' ') : targetOf(data),
      command: ofChat ? `/${command}` : command,
      options,
      sender_id: textIn(user, 'id'),
      sender_name: textIn(user, 'username'),
      channel_id: textIn(json, 'channel_id') || textIn(channel, 'id'),
      channel_name: textIn(channel, 'name'),
      message_id: id,
      timestamp: instantOf(/^\d{1,20}$/.test(id) ? Number(BigInt(id) >> 22n) + EPOCH_MS : NaN, now),
      is_mention: true,
      is_bot: user['bot'] === true,
      raw_payload: json,
    },
    // The owner of another server can add the application, and choose any names for its channels.
    aliases: { channel: [], sender: [textIn(user, 'username')] },
    dedupeKey: `interaction:${id}`,
    fireAndForget: false,
    answer: (outcome) => textReply(outcomeText(outcome), outcome.type !== 'started' || config.reply !== 'channel'),
  }
}

/** Names of subcommands, and the values by their names. Discord nests a group, a subcommand and its values. */
function optionsOf(data: JsonObject): { readonly words: readonly string[]; readonly options: JsonObject } {
  const words: string[] = []
  let options = listIn(data, 'options')
  for (let depth = 0; depth < 2; depth++) {
    const [inner] = options
    if (inner === undefined || 'value' in inner || !Array.isArray(inner['options'] ?? [])) break
    words.push(textIn(inner, 'name'))
    options = listIn(inner, 'options')
  }
  const values = options.filter((option) => 'value' in option)
    .map((option): [string, Json] => [textIn(option, 'name'), option['value'] ?? null])
  return { words, options: Object.fromEntries(values) }
}

/** A command from a menu is about a message, whose text this is, or about a user. */
function targetOf(data: JsonObject): string {
  const id = textIn(data, 'target_id')
  const message = objectIn(objectIn(objectIn(data, 'resolved'), 'messages'), id)
  return textIn(message, 'content') || id
}

function textReply(text: string, ephemeral: boolean): ChatReply {
  // Our text mentions nobody, even if it contains names.
  const data: JsonObject = { content: text, allowed_mentions: { parse: [] } }
  return { status: 200, body: { type: MESSAGE, data: ephemeral ? { ...data, flags: EPHEMERAL } : data } }
}
