import type { ChatPlatformName } from '../../core/trigger-types/chat-platforms.ts'
import type { ChatConfig } from '../../core/trigger-types/chat.ts'
import { instantText } from '../../core/base/instant.ts'
import { isObject, type Json, type JsonObject, type Parsed, parseJson, tokenOf } from '../../core/base/json.ts'
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import { decodeBody } from '../net/charset.ts'
import type { IncomingRequest, RequestHead } from '../crypto/signatures.ts'

/** A message, in the same form for every platform: the payload of a trigger. */
interface ChatMessage {
  readonly platform: ChatPlatformName
  /** The text without the command before it and without the bot's own name. */
  readonly message_text: string
  /** The command, such as `/deploy`; empty if there is none. */
  readonly command: string
  /** The values that a Discord command was given, by their names. */
  readonly options: JsonObject
  readonly sender_id: string
  readonly sender_name: string
  readonly channel_id: string
  readonly channel_name: string
  /** The platform's id of the message. */
  readonly message_id: string
  readonly timestamp: string
  readonly is_mention: boolean
  readonly is_bot: boolean
  /** All that the platform sent. */
  readonly raw_payload: JsonObject
}

/** The outcome of a message, to be reported in the form of its platform. */
export type MessageOutcome =
  | { readonly type: 'started'; readonly job: string }
  /** A filter passed it over. */
  | { readonly type: 'ignored'; readonly why: string }
  /** It came too soon, and is not kept for later. */
  | { readonly type: 'limited'; readonly seconds: number }
  /** It could not be had, and trying again would change nothing. */
  | { readonly type: 'refused'; readonly why: string }
  /** Not just now. Nothing was started. */
  | { readonly type: 'later' }
  /** The platform's time is nearly up, and whether a job is on disk is not known. */
  | { readonly type: 'unsure' }

/** An answer to a platform; without a body it is empty. */
export interface ChatReply {
  readonly status: 200 | 503
  readonly body: JsonObject | null
  readonly headers?: Readonly<Record<string, string>>
}

/** A message, and what goes with it. */
export interface IncomingMessage {
  readonly message: ChatMessage
  /** Further names of channel and sender, limited to those that nobody can choose freely. */
  readonly aliases: { readonly channel: readonly string[]; readonly sender: readonly string[] }
  /** The same for every repeat of a message. */
  readonly dedupeKey: string
  /** True if its author gets no answer: then a refusal is recorded in the trigger's events. */
  readonly fireAndForget: boolean
  answer(outcome: MessageOutcome): ChatReply
}

/** The authentication, the messages and the answers of one platform. */
export interface ChatPlatform {
  /** The time within which we answer, with what is known by then. It is less than the platform waits. */
  readonly answerMs: number
  /** The reason why a call cannot be the platform's, as far as its headers show: AUTHENTICATION_FAILED, before its body is read. */
  verifyHeaders(key: string, head: RequestHead): Refusal | null
  /** Null if the sender of the call has the key, judged by its bytes alone; else AUTHENTICATION_FAILED. */
  verify(key: string, call: IncomingRequest): Promise<Refusal | null>
  /**
   * The message in a verified call; a reply if it contains none. INVALID_PAYLOAD for a call that the platform cannot
   * have sent.
   */
  read(call: IncomingRequest, config: ChatConfig): IncomingMessage | ChatReply | Refusal
}

/** An empty answer, with which every platform is content that takes one. */
export const EMPTY_REPLY: ChatReply = { status: 200, body: null }

/** The platform is asked to send it again. */
export const RETRY_REPLY: ChatReply = { status: 503, body: null, headers: { 'Retry-After': '5' } }

/** An outcome in words for the person who wrote the message. */
export function outcomeText(outcome: MessageOutcome): string {
  switch (outcome.type) {
    case 'started':
      return `Started: job ${outcome.job}.`
    case 'ignored':
      return `Nothing was started: ${outcome.why}.`
    case 'limited':
      return `Nothing was started: too soon. Try again in ${outcome.seconds} s.`
    case 'refused':
      return `Nothing was started: ${outcome.why}.`
    case 'later':
      return 'Nothing was started: the orchestrator cannot take it just now. Try again in a minute.'
    case 'unsure':
      return 'It is not certain whether a job was started. Look at the jobs before you try again.'
  }
}

/** INVALID_PAYLOAD for a body of a form that the platform does not send. */
export function unexpectedBody(platform: string, what: string): Refusal {
  return refuse('INVALID_PAYLOAD', `The body is not what ${platform} sends: ${what}`)
}

/** The body of a call as JSON, in the charset that it declares. */
export function jsonOf(call: IncomingRequest): Parsed | Refusal {
  const text = decodeBody(call.bytes, call.header('content-type'))
  return isRefusal(text) ? text : parseJson(text)
}

/** A member that is an object, and an empty one where it is not. */
export function objectIn(json: JsonObject, name: string): JsonObject {
  const value = json[name]
  return isObject(value) ? value : {}
}

/** A member that is text, or a number, which some platforms write ids as; else empty. */
export function textIn(json: JsonObject, name: string): string {
  const value = json[name]
  return typeof value === 'string' ? tokenOf(value) ?? value : typeof value === 'number' ? String(value) : ''
}

/** A member that is a number or written as one; NaN where it is neither, as an object is that cannot even be converted. */
export function numberIn(json: JsonObject, name: string): number {
  return Number.parseFloat(textIn(json, name))
}

/** The objects in a member that is a list. */
export function listIn(json: JsonObject, name: string): readonly JsonObject[] {
  const value = json[name] as Json | undefined
  return Array.isArray(value) ? (value as readonly Json[]).filter(isObject) : []
}

/** The first instant that has five digits to its year. */
const YEAR_10000_MS = 253_402_300_800_000

/** An instant as ISO 8601; `fallback` where what a platform gave is none. Both in milliseconds. */
export function instantOf(ms: number, fallback: number): string {
  return instantText(ms > 0 && ms < YEAR_10000_MS ? Math.floor(ms) : fallback)
}
