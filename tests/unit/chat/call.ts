import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { type ChatConfig, ChatConfig as Config } from '../../../core/trigger-types/chat.ts'
import type { InputOf } from '../../../core/api/route.ts'
import { isRefusal } from '../../../core/base/refusal.ts'
import * as v from 'valibot'
import type { ChatPlatform, ChatReply, IncomingMessage } from '../../../adapters/chat/platform.ts'
import { CHAT_PLATFORM_BY_NAME } from '../../../adapters/chat/index.ts'
import type { IncomingRequest } from '../../../adapters/crypto/signatures.ts'

/** Requests as chat platforms make them. */

/** A config as people write it. */
export type GivenConfig = InputOf<typeof Config>

export type Headers = Readonly<Record<string, string>>

/** A call as the adapter sees it. `seconds` is our clock, since 1970. */
export function callOf(body: string, headers: Headers = {}, seconds = 0): IncomingRequest {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return {
    bytes: Uint8Array.from(new TextEncoder().encode(body)),
    header: (name) => lower[name.toLowerCase()],
    now: seconds * 1_000,
  }
}

/** The config of a trigger with all that is left out. */
export function configOf(given: GivenConfig): ChatConfig {
  return v.parse(Config, given)
}

/** The message in a platform's call. Throws if there is none. */
export function askedIn(given: GivenConfig, call: IncomingRequest): IncomingMessage {
  const read = CHAT_PLATFORM_BY_NAME[given.platform].read(call, configOf(given))
  if (isRefusal(read) || !('message' in read)) throw new Error(`no message: ${JSON.stringify(read)}`)
  return read
}

/** The answer to a platform's call that contains no message. */
export function replyTo(messenger: ChatPlatform, call: IncomingRequest, config: GivenConfig): ChatReply {
  const read = messenger.read(call, configOf(config))
  if (isRefusal(read) || 'message' in read) throw new Error(`no reply: ${JSON.stringify(read)}`)
  return read
}

/** The headers with which Slack shows who it is. */
export function slackHeaders(key: string, body: string, seconds: number): Headers {
  const signature = createHmac('sha256', key).update(`v0:${seconds}:${body}`).digest('hex')
  return { 'X-Slack-Request-Timestamp': String(seconds), 'X-Slack-Signature': `v0=${signature}` }
}

/** The header with which Teams does; `key` is in base64. */
export function teamsHeaders(key: string, body: string): Headers {
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(body).digest('base64')
  return { Authorization: `HMAC ${signature}` }
}

/** The keys of a Discord application that only tests know. */
export class DiscordKeys {
  readonly #pair = generateKeyPairSync('ed25519')

  /** As Discord shows it. */
  get publicKey(): string {
    const { x = '' } = this.#pair.publicKey.export({ format: 'jwk' })
    return Buffer.from(x, 'base64url').toString('hex')
  }

  headers(body: string, seconds: number): Headers {
    const signature = sign(null, Buffer.from(`${seconds}${body}`), this.#pair.privateKey).toString('hex')
    return { 'X-Signature-Ed25519': signature, 'X-Signature-Timestamp': String(seconds) }
  }
}
