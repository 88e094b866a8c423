import type { ChatConfig } from '../../core/trigger-types/chat.ts'
import { isObject, type JsonObject, type Parsed, parseJson } from '../../core/base/json.ts'
import { isRefusal, type Refusal } from '../../core/base/refusal.ts'
import { decodeBody, isPercentUtf8 } from '../net/charset.ts'
import { type IncomingRequest, verifyHeaders, verifySignature } from '../crypto/signatures.ts'
import {
  type ChatPlatform,
  type ChatReply,
  EMPTY_REPLY,
  type IncomingMessage,
  instantOf,
  listIn,
  type MessageOutcome,
  objectIn,
  outcomeText,
  RETRY_REPLY,
  textIn,
  unexpectedBody,
} from './platform.ts'
import type { SigningKey } from '../../core/records/trigger.ts'

function signingWith(key: string): SigningKey {
  return { key, header: '', algorithm: 'sha256', encoding: 'hex', prefix: '' }
}

/**
 * Slack: slash commands and the Events API, at one address. A request of either is given up after three seconds; an event
 * is then sent up to three times more, a command is not.
 */
export const slack: ChatPlatform = {
  answerMs: 2_400,

  verifyHeaders: (key, head) => verifyHeaders('slack', signingWith(key), head),
  async verify(key, call) {
    const verified = await verifySignature('slack', signingWith(key), call)
    return isRefusal(verified) ? verified : null
  },

  read(call, config) {
    const text = decodeBody(call.bytes, call.header('content-type'))
    if (isRefusal(text)) return text
    // The header that says which it is is not signed.
    const body = text.trimStart().startsWith('{') ? parseJson(text) : parseForm(text)
    if (isRefusal(body)) return body
    if (!isObject(body.written)) return unexpectedBody('Slack', 'no object')
    // An obsolete static token of Slack's, which readers of the job must not get.
    const { token: _, ...json } = body.written
    if (textIn(json, 'command') !== '') return commandIn(json, call, config)
    return textIn(json, 'type') === '' ? replyToOther(json) : eventIn(json, call)
  },
}

function parseForm(text: string): Parsed | Refusal {
  if (!isPercentUtf8(text)) return unexpectedBody('Slack', 'it is not valid UTF-8')
  return parseJson(JSON.stringify(Object.fromEntries(new URLSearchParams(text))))
}

/** Slack checks the certificate now and then. Buttons and dialogues (`payload`) are ignored. */
function replyToOther(json: JsonObject): ChatReply | Refusal {
  return 'ssl_check' in json || 'payload' in json ? EMPTY_REPLY : unexpectedBody('Slack', 'no command and no event')
}

function commandIn(json: JsonObject, call: IncomingRequest, config: ChatConfig): IncomingMessage {
  const channelName = textIn(json, 'channel_name')
  const id = textIn(json, 'trigger_id')
  return {
    message: {
      platform: 'slack',
      message_text: unescape(textIn(json, 'text')).trim(),
      command: textIn(json, 'command'),
      options: {},
      sender_id: textIn(json, 'user_id'),
      sender_name: textIn(json, 'user_name'),
      channel_id: textIn(json, 'channel_id'),
      channel_name: channelName,
      message_id: id,
      timestamp: instantOf(Number(call.header('x-slack-request-timestamp')) * 1_000, call.now),
      is_mention: true,
      is_bot: false,
      raw_payload: json,
    },
    aliases: { channel: [channelName], sender: [textIn(json, 'user_name')] },
    // Without an id what was signed is the command: its time is part of that.
    fireAndForget: false,
    dedupeKey: id === '' ? call.header('x-slack-signature') ?? '' : `command:${id}`,
    answer(outcome) {
      if (outcome.type === 'started' && config.reply === 'none') return EMPTY_REPLY
      const seen = config.reply === 'channel' && outcome.type === 'started' ? 'in_channel' : 'ephemeral'
      return { status: 200, body: { response_type: seen, text: outcomeText(outcome) } }
    },
  }
}

/** Subtypes of messages that a person or a bot wrote; edits, deletions, joins and leaves have others. */
const MESSAGE_SUBTYPES: ReadonlySet<string> = new Set([
  '',
  'bot_message',
  'file_share',
  'me_message',
  'thread_broadcast',
])

function eventIn(json: JsonObject, call: IncomingRequest): IncomingMessage | ChatReply | Refusal {
  const type = textIn(json, 'type')
  if (type === 'url_verification') return { status: 200, body: { challenge: textIn(json, 'challenge') } }
  if (type !== 'event_callback') return EMPTY_REPLY
  const event = objectIn(json, 'event')
  const kind = textIn(event, 'type')
  if (kind !== 'message' && kind !== 'app_mention') return EMPTY_REPLY
  if (!MESSAGE_SUBTYPES.has(textIn(event, 'subtype'))) return EMPTY_REPLY
  const channel = textIn(event, 'channel')
  const ts = textIn(event, 'ts')
  if (channel === '' || ts === '') return unexpectedBody('Slack', 'a message without channel or ts')
  const written = textIn(event, 'text')
  const own = ownNames(json).filter((id) => written.includes(`<@${id}>`) || written.includes(`<@${id}|`))
  return {
    message: {
      platform: 'slack',
      message_text: unescape(own.reduce(withoutName, written)).trim(),
      command: '',
      options: {},
      sender_id: textIn(event, 'user') || textIn(event, 'bot_id'),
      sender_name: textIn(event, 'username') || textIn(objectIn(event, 'user_profile'), 'name'),
      channel_id: channel,
      channel_name: '',
      message_id: ts,
      timestamp: instantOf(Number(ts) * 1_000, call.now),
      is_mention: kind === 'app_mention' || textIn(event, 'channel_type') === 'im' || own.length > 0,
      is_bot: textIn(event, 'bot_id') !== '' || textIn(event, 'subtype') === 'bot_message',
      raw_payload: json,
    },
    aliases: { channel: [], sender: [] },
    // Not by `event_id`: a mention comes as two events, where an app hears both of messages and of mentions.
    dedupeKey: `message:${textIn(json, 'team_id')}:${channel}:${ts}`,
    fireAndForget: true,
    answer: answerEvent,
  }
}

/** Nobody reads what an event is answered with. Sent again is only what may come to something else then. */
function answerEvent(outcome: MessageOutcome): ChatReply {
  return outcome.type === 'later' || outcome.type === 'unsure' ? RETRY_REPLY : EMPTY_REPLY
}

function ownNames(json: JsonObject): readonly string[] {
  return listIn(json, 'authorizations').filter((one) => one['is_bot'] === true).map((one) => textIn(one, 'user_id'))
    .filter((id) => /^\w+$/.test(id))
}

function withoutName(text: string, id: string): string {
  return text.replace(new RegExp(`<@${id}(?:\\|[^<>]*)?>[ \\t]*`, 'g'), '')
}

/** Slack writes three characters otherwise than they were typed. */
function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}
