import { cut, exceedsBytes } from '../base/text.ts'
import { cleanText, roomFor } from './fit.ts'
import { isObject, type Json, type JsonObject, type Parsed, parseJson, readJson } from '../base/json.ts'
import { FIELDS, type Frame, readPayload } from './loose.ts'
import { type MessageId, MESSAGES, type MessageType, type OrchestratorMessage, type RobotMessage } from './message.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import { checkValue, type Problem, problemText } from './problems.ts'
import { skim } from './skim.ts'
import { grafted } from './written.ts'

/** The largest frame that is read, in UTF-8 bytes. Robots in the field disconnect on a larger one. */
export const FRAME_BYTES_MAX = 1 << 20

/** A frame that is not a valid message, with the id to answer to if it could be read. */
export interface Undecodable {
  readonly refusal: Refusal
  readonly correlation_id: MessageId | undefined
}

/** True for a frame that could not be decoded. */
export function isUndecodable(value: object): value is Undecodable {
  return 'refusal' in value
}

/**
 * Decodes a frame from a robot. Never throws, for any text. INVALID_JSON: not JSON. INVALID_MESSAGE: no envelope, an
 * unknown type, or a type that only we send. INVALID_PAYLOAD: a required field is missing; the message names it.
 *
 * Work that has ended must not be treated as lost because of a formal error. So a message that identifies its job is
 * accepted whatever else is wrong with it, and `flaws` describes that. `refusal` is a problem with the frame itself, of
 * which `text` is the readable part.
 */
export function fromRobot(text: string, refusal: Refusal | null = null): RobotMessage | Undecodable {
  const frame = readFrame(text, refusal)
  const head = headOf(frame, 'robot')
  if (isUndecodable(head)) return frame.refusal === null ? head : no(frame.refusal, head.correlation_id)
  const read = readPayload(head.type, withTime(head, frame), frame)
  if ('problems' in read) return no(frame.refusal ?? unreadable(head.type, read.problems), head.id)
  return { ...head, ...read } as RobotMessage
}

/** Decodes a frame from the orchestrator, in which nothing may be wrong. */
export function fromOrchestrator(text: string): OrchestratorMessage | Undecodable {
  if (exceedsBytes(text, FRAME_BYTES_MAX)) return no(tooLarge())
  const parsed = parseJson(text)
  if (isRefusal(parsed)) return no(parsed, idOf(skim(text, NOTHING).json['id']))
  const head = headOf(parsed, 'orchestrator')
  if (isUndecodable(head)) return head
  const schema = MESSAGES[head.type].payload
  const read = checkValue(schema, grafted(schema, head.payload))
  if ('problems' in read) return no(unreadable(head.type, read.problems), head.id)
  return { ...head, payload: read.output } as OrchestratorMessage
}

/** Parses a frame as JSON, or reads what it can of one that is too large or invalid. */
function readFrame(text: string, refusal: Refusal | null): Frame {
  const read = refusal ?? (exceedsBytes(text, FRAME_BYTES_MAX) ? tooLarge() : readJson(text))
  if (!isRefusal(read)) return { ...read, cut: NOTHING, refusal: null, room: roomFor(text) }
  const skimmed = skim(text, FIELDS)
  return { ...skimmed, written: skimmed.json, refusal: read, room: roomFor(text) }
}

const NOTHING: ReadonlySet<string> = new Set()

/** The refusal of a frame over the limit. */
function tooLarge(): Refusal {
  return refuse('INVALID_PAYLOAD', `A message must not exceed ${FRAME_BYTES_MAX} bytes`, {
    max_message_bytes: FRAME_BYTES_MAX,
  })
}

function unreadable(type: MessageType, problems: readonly Problem[]): Refusal {
  return refuse('INVALID_PAYLOAD', `${type}: ${problemText(problems)}`, { received_type: type })
}

/** The envelope of a message. */
interface Head {
  readonly type: MessageType
  readonly id: MessageId | undefined
  readonly correlation_id: MessageId | undefined
  readonly payload: Parsed
}

/** Gives a log line the time of its message if it has none of its own. */
function withTime({ type, payload }: Head, { json: envelope }: Parsed): Parsed {
  const { json, written } = payload
  if (type !== 'log_entry' || !isObject(json) || !isObject(envelope) || 'timestamp' in json) return payload
  const timestamp = envelope['timestamp'] ?? null
  const timed = { ...json, timestamp }
  return { json: timed, written: json === written ? timed : { ...written as JsonObject, timestamp } }
}

function headOf({ json, written }: Parsed, from: 'robot' | 'orchestrator'): Head | Undecodable {
  if (!isObject(json)) return no(refuse('INVALID_MESSAGE', 'A message must be a JSON object'))
  const { id: given, correlation_id, payload: asWritten = {} } = written as JsonObject
  const id = idOf(json['id'], given)
  const type = json['type']
  if (type === undefined) return no(refuse('INVALID_MESSAGE', 'Missing required field: type'), id)
  if (typeof type !== 'string') return no(refuse('INVALID_MESSAGE', 'Field type: must be a string'), id)
  if (!Object.hasOwn(MESSAGES, type)) {
    const received_type = cut(cleanText(type), 100)
    return no(refuse('INVALID_MESSAGE', `Unknown message type: ${received_type}`, { received_type }), id)
  }
  const messageKind = MESSAGES[type as MessageType]
  if (messageKind.from !== from && messageKind.from !== 'both') {
    return no(refuse('INVALID_MESSAGE', `${type} is not sent by a ${from}`, { received_type: type }), id)
  }
  if (json['payload'] === undefined && json['robot_id'] !== undefined) return no(flat(type, json['robot_id']), id)
  const { payload = {} } = json
  const parsed = { json: payload, written: json === written ? payload : asWritten }
  return {
    type: type as MessageType,
    id,
    correlation_id: idOf(json['correlation_id'], correlation_id),
    payload: parsed,
  }
}

/** Refuses the flat dialect of later versions of CasareRPA, whose fields stand beside `type`. It is not interpreted. */
function flat(type: string, robot: Json): Refusal {
  const message = `${type}: the fields stand at the top level, as in the flat dialect of CasareRPA's FastAPI ` +
    `orchestrator; here they belong into payload: {"type": "${type}", "payload": {"robot_id": …}}`
  const robot_id = typeof robot === 'string' ? cut(cleanText(robot), 256) : ''
  return refuse('INVALID_PAYLOAD', message, { received_type: type, dialect: 'flat', robot_id })
}

/**
 * An id to send back; a number is returned digit for digit. Undefined for anything else: then there is no id to answer
 * to.
 */
function idOf(json: Json | undefined, written = json): MessageId | undefined {
  if (typeof json === 'number') return written as MessageId
  return typeof json === 'string' ? cleanText(json) : undefined
}

function no(refusal: Refusal, id?: MessageId): Undecodable {
  return { refusal, correlation_id: id }
}
