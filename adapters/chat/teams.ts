import { parseInstant } from '../../core/base/instant.ts'
import type { ChatConfig } from '../../core/trigger-types/chat.ts'
import { isObject, type JsonObject } from '../../core/base/json.ts'
import { isRefusal, refuse } from '../../core/base/refusal.ts'
import { verifyHeaders, verifySignature } from '../crypto/signatures.ts'
import {
  type ChatPlatform,
  type ChatReply,
  type IncomingMessage,
  instantOf,
  jsonOf,
  objectIn,
  outcomeText,
  textIn,
  unexpectedBody,
} from './platform.ts'
import type { SigningKey } from '../../core/records/trigger.ts'

function signingWith(key: string): SigningKey {
  return { key, header: '', algorithm: 'sha256', encoding: 'base64', prefix: '' }
}

/**
 * Microsoft Teams: outgoing webhooks. Our answer is shown under the message; Teams waits five to ten seconds for it and does
 * not ask again.
 */
export const teams: ChatPlatform = {
  answerMs: 4_000,

  verifyHeaders: (key, head) => verifyHeaders('teams', signingWith(key), head),
  async verify(key, call) {
    const verified = await verifySignature('teams', signingWith(key), call)
    return isRefusal(verified) ? verified : null
  },

  read(call, config) {
    const body = jsonOf(call)
    if (isRefusal(body)) return body
    const json = body.written
    if (!isObject(json)) return unexpectedBody('Teams', 'no object')
    if (textIn(json, 'type') !== 'message') return textReply('Only messages are taken.')
    // The signature has no time of its own, but what is signed has.
    const at = parseInstant(textIn(json, 'timestamp')) ?? NaN
    if (Math.abs(call.now - at) > TOLERANCE_MS) {
      return refuse('AUTHENTICATION_FAILED', `The message is more than ${TOLERANCE_MS / 1_000} s old`)
    }
    const conversation = textIn(objectIn(json, 'conversation'), 'id')
    const id = textIn(json, 'id')
    if (id === '' || conversation === '') return unexpectedBody('Teams', 'a message without id or conversation')
    return messageIn(json, conversation, id, Number.isNaN(at) ? call.now : at, config)
  },
}

const TOLERANCE_MS = 300_000

function messageIn(
  json: JsonObject,
  conversation: string,
  id: string,
  at: number,
  config: ChatConfig,
): IncomingMessage {
  const from = objectIn(json, 'from')
  const data = objectIn(json, 'channelData')
  const channel = objectIn(data, 'channel')
  const channelId = textIn(channel, 'id') || textIn(data, 'teamsChannelId') || (conversation.split(';', 1)[0] ?? '')
  const channelName = textIn(channel, 'name') || textIn(objectIn(json, 'conversation'), 'name')
  const name = textIn(from, 'name')
  return {
    message: {
      platform: 'teams',
      message_text: plainText(textIn(json, 'text'), config.bot_name),
      command: '',
      options: {},
      sender_id: textIn(from, 'aadObjectId') || textIn(from, 'id'),
      sender_name: name,
      channel_id: channelId,
      channel_name: channelName,
      message_id: id,
      timestamp: instantOf(at, at),
      // Teams sends nothing in which the webhook is not mentioned.
      is_mention: true,
      is_bot: textIn(from, 'role') === 'bot' || textIn(from, 'id').startsWith('28:'),
      raw_payload: json,
    },
    aliases: { channel: [channelName], sender: [textIn(from, 'id'), name] },
    dedupeKey: `message:${conversation}:${id}`,
    fireAndForget: false,
    answer: (outcome) => textReply(outcomeText(outcome)),
  }
}

function textReply(text: string): ChatReply {
  return { status: 200, body: { type: 'message', text } }
}

/**
 * The text of a message, which comes as HTML. Of those that it mentions the webhook itself is left out: the one with its name,
 * or the first where the name is not known.
 */
function plainText(html: string, botName: string | null): string {
  let own = botName?.toLowerCase() ?? null
  return html
    .replace(/<at(?: [^<>]*)?>([^<>]*)<\/at>(?:\s|&nbsp;)*/gi, (whole, name: string) => {
      if (own !== null && name.trim().toLowerCase() !== own) return whole
      own ??= name.trim().toLowerCase()
      return ''
    })
    .replace(/<br *\/?>|<\/(?:p|div|li)>/gi, '\n')
    .replace(/<\/?[a-z][^<>]*>/gi, '')
    .replace(/&(?:nbsp|lt|gt|quot|amp|#39|#160);/g, (entity) => ENTITIES[entity] ?? entity)
    .trim()
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&nbsp;': ' ',
  '&#160;': ' ',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
}
