import * as v from 'valibot'
import { FIELD_DEPTH, fitJson, type Room } from './fit.ts'
import { isObject, type Json, JSON_KEYS_MAX, type JsonObject, type Parsed } from '../base/json.ts'
import { mend } from './mend.ts'
import { type Flaws, MESSAGES, type MessageType } from './message.ts'
import { checkValue, type Problem } from './problems.ts'
import { type Refusal, refuse } from '../base/refusal.ts'
import { RESULT_PROBLEMS, type ResultProblem, resultProblemOf } from './unkept.ts'
import { grafted } from './written.ts'

/** A robot's frame as it was parsed. */
export interface Frame extends Parsed {
  /** The fields of the payload of which only the beginning, as text, is present. */
  readonly cut: ReadonlySet<string>
  /** The problem if it is too large or not JSON; null if it was parsed completely. */
  readonly refusal: Refusal | null
  readonly room: Room
}

/** The fields that robots may fill in. */
export const FIELDS: ReadonlySet<string> = new Set(
  Object.values(MESSAGES).flatMap(({ from, payload }) => from === 'orchestrator' ? [] : Object.keys(payload.entries)),
)

/** Ids, and lists in which the absence of an entry has a meaning. A truncated one is ignored. */
const WHOLE: ReadonlySet<string> = new Set(['job_id', 'robot_id', 'active_job_ids', 'memory'])

type Schema = v.GenericSchema & { readonly entries: Readonly<Record<string, v.GenericSchema>> }

/** A payload, and its flaws. */
interface Read {
  readonly payload: unknown
  readonly flaws?: Flaws
}

/** The reason why there is no payload; empty if the frame's own problem says it. */
interface Unreadable {
  readonly problems: readonly Problem[]
}

const NO_OBJECT: Problem = { path: 'payload', message: 'must be a JSON object', text: 'payload must be a JSON object' }

/**
 * Reads a payload as far as possible.
 * 1. Values nested too deep, and members beyond the limit, are left out, and so are values that a too large frame has
 * no room for.
 * 2. A result with anything missing is dropped, since the rest would be taken for the whole.
 * 3. A value of a wrong type is converted to the type that it represents, or left out: `mend`.
 */
export function readPayload(type: MessageType, given: Parsed, frame: Frame): Read | Unreadable {
  const schema: Schema = MESSAGES[type].payload
  const isAboutJob = 'job_id' in schema.entries
  if (frame.refusal !== null && !isAboutJob) return { problems: [] }
  if (!isObject(given.json)) return { problems: [NO_OBJECT] }
  const fitted = fitBoth(given.json, given.written as JsonObject, schema, frame)
  const sound = v.safeParse(schema, fitted.given)
  if (sound.success && fitted.problems.length === 0 && frame.refusal === null) return { payload: sound.output }
  const mends: string[] = []
  const mended = checkValue(schema, mend(schema.entries, fitted.given, (flaw) => mends.push(flaw)))
  if ('problems' in mended) return mended
  if (frame.refusal === null && fitted.problems.length + mends.length === 0) return { payload: mended.output }
  const words = [...frame.refusal === null ? [] : [frame.refusal.message], ...fitted.problems, ...mends]
  const isReported = !isAboutJob || fitted.problems.length > 0
  const refusal = frame.refusal ?? (isReported ? refuse('INVALID_PAYLOAD', `${type}: ${words.join('; ')}`) : null)
  return { payload: mended.output, flaws: { words, refusal, resultProblem: fitted.resultProblem } }
}

interface Fitted {
  /** The payload without the parts that do not fit. */
  readonly given: JsonObject
  readonly problems: readonly string[]
  readonly resultProblem: ResultProblem | null
}

const FITS: Pick<Fitted, 'problems' | 'resultProblem'> = { problems: [], resultProblem: null }

/** Fits a payload in both forms. Fields that are only stored keep their numbers' notation. */
function fitBoth(json: JsonObject, written: JsonObject, schema: Schema, frame: Frame): Fitted {
  const read = fitFields(json, schema, frame)
  if (json === written) return read
  const kept = fitFields(written, schema, { ...frame, room: { ...frame.room, numbers: true } })
  return { ...kept, given: grafted(schema, { json: read.given, written: kept.given }) as JsonObject }
}

function fitFields(payload: JsonObject, { entries }: Schema, frame: Frame): Fitted {
  const { refusal, room } = frame
  // Nearly all messages end here, unchanged.
  if (refusal === null && !room.unclean) {
    let isSame = true
    for (const name in entries) {
      const value = payload[name]
      if (
        (typeof value === 'object' || room.numbers) && value !== undefined &&
        fitJson(value, FIELD_DEPTH, room) !== value
      ) isSame = false
    }
    if (isSame) return { given: payload, ...FITS }
  }
  return fitEach(payload, entries, frame)
}

function fitEach(payload: JsonObject, entries: Schema['entries'], { cut, refusal, room }: Frame): Fitted {
  const isNoJson = refusal !== null && refusal.refused === 'INVALID_JSON'
  const notRead = isNoJson ? RESULT_PROBLEMS.invalid : RESULT_PROBLEMS.large
  const given: Record<string, Json> = {}
  const problems: string[] = []
  let resultProblem: ResultProblem | null = isNoJson ? RESULT_PROBLEMS.invalid : null
  room.members = JSON_KEYS_MAX
  for (const name in entries) {
    if (!Object.hasOwn(payload, name)) {
      // A batch whose log lines do not fit.
      if (refusal !== null && name === 'entries') given[name] = []
      continue
    }
    room.deep = room.many = room.long = false
    const value = fitJson(payload[name] as Json, FIELD_DEPTH, room)
    const why = cut.has(name) ? notRead : resultProblemOf(room)
    if (why !== null) problems.push(`${name} ${why.why}`)
    if (why !== null && name === 'result') resultProblem ??= why
    if (why === null || !WHOLE.has(name)) given[name] = value
  }
  return { given, problems, resultProblem }
}
