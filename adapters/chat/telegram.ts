import type { ChatConfig } from '../../core/trigger-types/chat.ts'
import { isObject, type JsonObject } from '../../core/base/json.ts'
import { isRefusal, refuse } from '../../core/base/refusal.ts'
import { hashOf } from '../crypto/secrets.ts'
import {
  type ChatPlatform,
  EMPTY_REPLY,
  type IncomingMessage,
  instantOf,
  jsonOf,
  listIn,
  numberIn,
  objectIn,
  outcomeText,
  RETRY_REPLY,
  textIn,
  unexpectedBody,
} from './platform.ts'

/**
 * Telegram: updates of a bot. Nothing is signed: anyone who knows the secret token can send any update. Updates that
 * are not answered with 2xx are sent again.
 */
export const telegram: ChatPlatform = {
  answerMs: 5_000,

  // Hashes are compared, so the time reveals nothing about the token.
  verifyHeaders(key, head) {
    const token = head.header('x-telegram-bot-api-secret-token') ?? ''
    if (token === '') return refuse('AUTHENTICATION_FAILED', 'Missing header: x-telegram-bot-api-secret-token')
    return hashOf(token) === hashOf(key) ? null : refuse('AUTHENTICATION_FAILED', 'Wrong secret token')
  },
  verify: (key, call) => Promise.resolve(telegram.verifyHeaders(key, call)),

  read(call, config) {
    const body = jsonOf(call)
    if (isRefusal(body)) return body
    const update = body.written
    if (!isObject(update)) return unexpectedBody('Telegram', 'no object')
    const id = textIn(update, 'update_id')
    if (id === '') return unexpectedBody('Telegram', 'no update_id')
    // Edits were processed before; other types of updates are not messages.
    const message = update['message'] ?? update['channel_post']
    if (!isObject(message)) return EMPTY_REPLY
    return messageIn(message, update, `update:${id}`, call.now, config) ?? EMPTY_REPLY
  },
}

function messageIn(
  message: JsonObject,
  update: JsonObject,
  dedupeKey: string,
  now: number,
  config: ChatConfig,
): IncomingMessage | null {
  const chat = objectIn(message, 'chat')
  const { text, command, spokenTo } = readText(message, config.bot_name?.replace(/^@/, '').toLowerCase() ?? null)
  if (text === null) return null
  // An administrator who stays unnamed, and a channel, speak as a chat: the user beside it is a stand-in.
  const chatSpeaks = isObject(message['sender_chat'])
  const sender = objectIn(message, chatSpeaks ? 'sender_chat' : 'from')
  const names = [textIn(sender, 'first_name'), textIn(sender, 'last_name')].filter((name) => name !== '').join(' ')
  const messageId = message['message_id'] ?? null
  return {
    message: {
      platform: 'telegram',
      message_text: text,
      command,
      options: {},
      sender_id: textIn(sender, 'id'),
      sender_name: textIn(sender, 'username') || names || textIn(sender, 'title'),
      channel_id: textIn(chat, 'id'),
      channel_name: textIn(chat, 'title') || textIn(chat, 'username'),
      message_id: textIn(message, 'message_id'),
      timestamp: instantOf(numberIn(message, 'date') * 1_000, now),
      is_mention: spokenTo || command !== '' || textIn(chat, 'type') === 'private',
      is_bot: !chatSpeaks && sender['is_bot'] === true,
      raw_payload: update,
    },
    // Titles and first names are anybody's choice; a user name there is once.
    aliases: { channel: [textIn(chat, 'username')], sender: [textIn(sender, 'username')] },
    dedupeKey,
    fireAndForget: config.reply === 'none',
    answer(outcome) {
      if (outcome.type === 'later' || outcome.type === 'unsure') return RETRY_REPLY
      if (outcome.type === 'ignored' || config.reply === 'none') return EMPTY_REPLY
      const reply = { message_id: messageId, allow_sending_without_reply: true }
      const params = { chat_id: chat['id'] ?? null, text: outcomeText(outcome), reply_parameters: reply }
      return { status: 200, body: { method: 'sendMessage', ...params } }
    },
  }
}

interface Written {
  /** Null where it is nothing for this bot: no text, or a command for another one. */
  readonly text: string | null
  readonly command: string
  readonly spokenTo: boolean
}

/** Entities count in UTF-16 units, as strings do here. */
function readText(message: JsonObject, botName: string | null): Written {
  const whole = textIn(message, 'text') || textIn(message, 'caption')
  if (whole === '') return { text: null, command: '', spokenTo: false }
  // All names of bots end like this: where ours is not known, any of them is taken for it.
  const isOurs = (name: string): boolean => botName === null ? /bot$/i.test(name) : name.toLowerCase() === botName
  const answered = textIn(objectIn(objectIn(message, 'reply_to_message'), 'from'), 'username')
  let spokenTo = answered !== '' && isOurs(answered)
  let command = ''
  let text = whole
  const entities = [...listIn(message, 'entities'), ...listIn(message, 'caption_entities')].slice(0, 100)
  for (const entity of entities.toSorted((a, b) => numberIn(b, 'offset') - numberIn(a, 'offset'))) {
    const from = numberIn(entity, 'offset')
    const to = from + numberIn(entity, 'length')
    const word = whole.slice(from, to)
    const kind = textIn(entity, 'type')
    const isCommand = kind === 'bot_command' && from === 0
    if (isCommand) {
      const [name = '', bot = ''] = word.split('@', 2)
      if (bot !== '' && !isOurs(bot)) return { text: null, command: '', spokenTo: false }
      command = name
    } else if (kind === 'mention' && isOurs(word.slice(1))) {
      spokenTo = true
    } else continue
    text = text.slice(0, from) + text.slice(to).replace(/^[ \t]+/, '')
  }
  // Counts of units that are not of this text may cut a character in two.
  return { text: text.trim().toWellFormed(), command: command.toWellFormed(), spokenTo }
}
