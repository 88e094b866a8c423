import * as v from 'valibot'
import { cut } from './cut.ts'
import { isObject, parseJson } from './json.ts'
import {
  type Message,
  type MessageId,
  MESSAGES,
  type MessageType,
  type OrchestratorMessage,
  type RobotMessage,
} from './message.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'

/** The largest frame that is read, in UTF-8 bytes. The robots in the field close on anything larger. */
export const FRAME_BYTES_MAX = 1 << 20

/** A frame that is no message of the protocol, with the id to answer to where one could be read. */
export interface Undecodable {
  readonly refusal: Refusal
  readonly correlation_id: MessageId | undefined
}

/** Tells a frame that could not be decoded from a message. */
export function isUndecodable(value: object): value is Undecodable {
  return 'refusal' in value
}

/**
 * Decodes a frame that a robot sent. Never throws, on any text whatever.
 * INVALID_JSON: not JSON. INVALID_MESSAGE: no envelope, an unknown type, or a type that only we send.
 * INVALID_PAYLOAD: a field is missing or has the wrong type; the message names it.
 */
export function fromRobot(text: string): RobotMessage | Undecodable {
  return decode(text, 'robot') as RobotMessage | Undecodable
}

/** The same for a frame that the orchestrator sent. */
export function fromOrchestrator(text: string): OrchestratorMessage | Undecodable {
  return decode(text, 'orchestrator') as OrchestratorMessage | Undecodable
}

/** Whether the text, as UTF-8, is longer than `bytesMax`; it is measured only where its length leaves a doubt. */
export function exceedsBytes(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return true
  return text.length * 3 > bytesMax && utf8Bytes(text) > bytesMax
}

/** How long the text is as UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // Each half of a surrogate pair counts two, and the pair is four bytes long.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3
  }
  return bytes
}

/** A sentence per problem, each naming the field by its path. At most three, since one is usually the cause. */
export function problemsOf(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.slice(0, 3).map((issue) => {
    const path = v.getDotPath(issue)
    if (path === null) return issue.message
    return issue.received === 'undefined' ? `Missing required field: ${path}` : `Field ${path}: ${issue.message}`
  }).join('; ')
}

function decode(text: string, from: 'robot' | 'orchestrator'): Message | Undecodable {
  if (exceedsBytes(text, FRAME_BYTES_MAX)) return tooLarge()
  const parsed = parseJson(text)
  if (isRefusal(parsed)) return { refusal: parsed, correlation_id: undefined }
  const envelope = parsed.json
  if (!isObject(envelope)) return no(refuse('INVALID_MESSAGE', 'A message must be a JSON object'))
  const id = envelope['id']
  if (id !== undefined && typeof id !== 'string' && typeof id !== 'number') {
    return no(refuse('INVALID_MESSAGE', 'Field id: expected a string'))
  }
  const type = envelope['type']
  if (type === undefined) return no(refuse('INVALID_MESSAGE', 'Missing required field: type'), id)
  if (typeof type !== 'string' || !Object.hasOwn(MESSAGES, type)) {
    const message = `Unknown message type: ${cut(String(type), 100)}`
    return no(refuse('INVALID_MESSAGE', message, { received_type: type }), id)
  }
  const kind = MESSAGES[type as MessageType]
  if (kind.from !== from && kind.from !== 'both') {
    return no(refuse('INVALID_MESSAGE', `${type} is not sent by a ${from}`, { received_type: type }), id)
  }
  const payload = v.safeParse(kind.payload, envelope['payload'] === undefined ? {} : envelope['payload'])
  if (!payload.success) {
    return no(refuse('INVALID_PAYLOAD', `${type}: ${problemsOf(payload.issues)}`, { received_type: type }), id)
  }
  const correlation = envelope['correlation_id']
  return {
    type,
    id,
    correlation_id: typeof correlation === 'string' || typeof correlation === 'number' ? correlation : undefined,
    payload: payload.output,
  } as Message
}

/** What is answered to a frame over the cap, which is not read at all. */
export function tooLarge(): Undecodable {
  return no(refuse('INVALID_PAYLOAD', `A message must not exceed ${FRAME_BYTES_MAX} bytes`, {
    max_message_bytes: FRAME_BYTES_MAX,
  }))
}

function no(refusal: Refusal, id?: MessageId): Undecodable {
  return { refusal, correlation_id: id }
}
